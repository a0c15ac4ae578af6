using MultiTask.Diagnostics;

namespace MultiTask.Balancing;

/// <summary>Soft optimal uncertainty weighting: the softmax of the inverse losses.</summary>
/// <remarks>
/// Kirchdorfer et al., <i>Analytical Uncertainty-Based Loss Weighting in Multi-Task Learning</i> (GCPR 2024):
/// w = softmax((1/sg[ℓ])/T). The best s of <see cref="UncertaintyWeighting"/> for a loss is known in closed form and gives
/// the weight 1/ℓ; the softmax bounds it. The scale of the losses matters, and T should be tuned to it: losses far below 1
/// put nearly all weight on the smallest. Losses must be positive: 1/ℓ is a noise's precision, and a negative loss (a log
/// density, say) has none. The weights sum to 1: at the learning rate of <see cref="EqualWeights"/>, steps 1/m as long.
/// </remarks>
public sealed class UWSO : LossWeighting
{
    private readonly double temperature;

    /// <summary>Soft optimal uncertainty weighting.</summary>
    /// <param name="temperature">T > 0: the higher, the more even the weights; 1 by default. The paper tunes it for each data set.</param>
    /// <exception cref="ArgumentOutOfRangeException">The temperature is not positive and finite.</exception>
    public UWSO(double temperature = 1)
        : base(nameof(UWSO)) => this.temperature = Arguments.Positive(temperature, nameof(temperature));

    /// <inheritdoc/>
    /// <exception cref="ArgumentException">A loss is negative.</exception>
    /// <exception cref="NonFiniteException">A loss is 0: its inverse is infinite.</exception>
    public override double[] Weigh(TaskMap<double> losses)
    {
        ArgumentNullException.ThrowIfNull(losses);
        PositiveLosses.ExpectInvertible(losses, nameof(UWSO));

        // 1/ℓ − 1/ℓ_min, for tiny losses have no finite inverse.
        var smallest = losses.Values.Min();
        return Softmax.Of([.. losses.Values.Select(loss => (smallest - loss) / loss / smallest / temperature)]);
    }
}
