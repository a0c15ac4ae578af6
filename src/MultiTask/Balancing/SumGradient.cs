namespace MultiTask.Balancing;

/// <summary>The sum of the gradients: every weight is 1.</summary>
/// <remarks>
/// The gradients are those of <see cref="EqualWeights"/>, at m times its cost. It is the baseline of the gradient rung, for what
/// <see cref="MeanGradient"/> is, in the scale of the methods that sum.
/// </remarks>
public sealed class SumGradient : GramianWeighting
{
    /// <summary>The sum of the gradients.</summary>
    public SumGradient()
        : base(nameof(SumGradient))
    {
    }

    /// <inheritdoc/>
    public override double[] Weigh(Gramian gramian)
    {
        ArgumentNullException.ThrowIfNull(gramian);
        return [.. Enumerable.Repeat(1.0, gramian.Count)];
    }
}
