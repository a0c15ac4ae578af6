using MultiTask.Numerics;

namespace MultiTask.Balancing;

/// <summary>g₀ = Σ wᵢgᵢ, the gradient round which some methods look for a better one, by its inner products.</summary>
internal sealed class ReferenceGradient
{

    /// <param name="gramian">The inner products of the gradients.</param>
    /// <param name="weights">w ≥ 0.</param>
    public ReferenceGradient(Gramian gramian, double[] weights)
    {
        Products = gramian.Times(weights);
        Alive = [.. Enumerable.Range(0, gramian.Count).Where(i => gramian[i, i] > 0)];
        var square = 0.0;
        for (var i = 0; i < weights.Length; i++)
        {
            Length += weights[i] * gramian.Norm(i);
            square += weights[i] * Products[i];
        }

        Norm = square > 4 * Dense.Epsilon * weights.Length * Length * Length ? Math.Sqrt(square) : 0;
    }

    /// <summary>gᵢ·g₀.</summary>
    public double[] Products { get; }

    /// <summary>The tasks whose gradient is not zero.</summary>
    public int[] Alive { get; }

    /// <summary>Σ wᵢ‖gᵢ‖.</summary>
    public double Length { get; }

    /// <summary>‖g₀‖; 0 where rounding may have made all that is left of it.</summary>
    public double Norm { get; }
}
