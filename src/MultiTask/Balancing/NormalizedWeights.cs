using MultiTask.Diagnostics;

namespace MultiTask.Balancing;

/// <summary>Another balancer's weights, scaled to a given sum, whatever its paper's scale is.</summary>
/// <remarks>
/// It is the sum of the absolute values that is scaled, since some methods give negative weights. Weights that are all 0
/// stay so. To fix the length of the gradient instead, see <see cref="GradientAggregator.Scale"/>.
/// </remarks>
public sealed class NormalizedWeights : WeightTransform
{
    private readonly double? sum;

    /// <summary>Weights with a given sum.</summary>
    /// <param name="inner">The balancer that finds the weights. From here on it belongs to this one.</param>
    /// <param name="sum">The sum, greater than 0; by default the number of tasks in the batch, as for <see cref="EqualWeights"/>.</param>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="sum"/> is not positive and finite.</exception>
    public NormalizedWeights(GramianWeighting inner, double? sum = null)
        : base(nameof(NormalizedWeights), inner)
    {
        this.sum = sum is { } given ? Arguments.Positive(given, nameof(sum)) : null;
        RegisterComponents();
    }

    /// <inheritdoc/>
    public override double[] Transform(Gramian gramian, double[] weights)
    {
        ArgumentNullException.ThrowIfNull(weights);
        var largest = weights.Max(Math.Abs);
        if (largest == 0)
        {
            return weights;
        }

        // The largest first, so that no sum overflows.
        var total = weights.Sum(w => Math.Abs(w / largest));
        return Array.ConvertAll(weights, w => w / largest / total * (sum ?? weights.Length));
    }
}
