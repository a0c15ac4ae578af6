namespace MultiTask.Balancing;

/// <summary>How long <see cref="ConFIG"/>'s step is: Σ ℓᵢ cos(gᵢ, d), with one of these for ℓᵢ.</summary>
public enum ConFIGLength
{
    /// <summary>‖gᵢ‖, the length of each gradient: the step is the sum of the gradients' projections on its direction.</summary>
    Projection,

    /// <summary>The length of the shortest gradient, for all.</summary>
    Minimum,

    /// <summary>The length of the longest gradient, for all.</summary>
    Maximum,

    /// <summary>The arithmetic mean of the gradients' lengths, for all.</summary>
    ArithmeticMean,

    /// <summary>The geometric mean of the gradients' lengths, for all.</summary>
    GeometricMean,

    /// <summary>The harmonic mean of the gradients' lengths, for all.</summary>
    HarmonicMean,
}
