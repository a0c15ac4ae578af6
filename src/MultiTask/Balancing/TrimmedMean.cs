using MultiTask.Diagnostics;
using static TorchSharp.torch;

namespace MultiTask.Balancing;

/// <summary>Trimmed mean: in each entry, the mean over the tasks without the largest and the smallest values.</summary>
/// <remarks>
/// Yin et al., <i>Byzantine-Robust Distributed Learning</i> (ICML 2018), definition 2. Where a batch has too few tasks to
/// leave out so many, as many are left out as leave one or two: the median.
/// </remarks>
public sealed class TrimmedMean : GradientAggregator
{
    private readonly int trim;

    /// <summary>Trimmed mean.</summary>
    /// <param name="trim">How many values to leave out at each end, ≥ 0; the default is 1.</param>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="trim"/> is negative.</exception>
    public TrimmedMean(int trim = 1)
        : base(nameof(TrimmedMean))
    {
        this.trim = Arguments.NonNegative(trim, nameof(trim));
    }

    /// <inheritdoc/>
    public override Tensor Aggregate(Jacobian jacobian)
    {
        ArgumentNullException.ThrowIfNull(jacobian);
        using var scope = NewDisposeScope();
        var m = jacobian.Matrix.shape[0];
        var b = Math.Min(trim, (m - 1) / 2);
        var (sorted, _) = jacobian.Matrix.sort(dim: 0);
        return sorted.narrow(0, b, m - (2 * b)).mean([0L]).MoveToOuterDisposeScope();
    }
}
