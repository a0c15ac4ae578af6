namespace MultiTask.Balancing;

/// <summary>A random mean of the gradients: in each step the weights are the softmax of standard normal numbers.</summary>
/// <remarks>
/// The weights are those of <see cref="RLW"/> (Lin et al., TMLR 2022). It is the control experiment of the gradient rung: a method that
/// weighs gradients and does not beat it has not shown that its weights matter. Unlike with <see cref="RLW"/>, heads see their own
/// losses unweighted, unless <see cref="GramianWeighting.WeightHeads"/> is set. It costs m times as much.
/// </remarks>
public sealed class RandomGradient : GramianWeighting
{
    private readonly RLW weights;

    /// <summary>A random mean of the gradients.</summary>
    /// <param name="seed">Where its own random numbers start.</param>
    public RandomGradient(long seed = 0)
        : base(nameof(RandomGradient))
    {
        weights = new(seed);
        RegisterComponents();
    }

    /// <inheritdoc/>
    public override double[] Weigh(Gramian gramian)
    {
        ArgumentNullException.ThrowIfNull(gramian);
        return weights.Weigh(gramian.Losses);
    }

    /// <inheritdoc/>
    public override void Reset() => weights.Reset();
}
