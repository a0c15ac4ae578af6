namespace MultiTask.Balancing;

/// <summary>The mean of the gradients: every weight is 1/m.</summary>
/// <remarks>
/// At the shared parameters it does what <see cref="EqualWeights"/> does, divided by the number of tasks, at m times its cost. It is
/// the baseline of the gradient rung: as with the methods it is compared with, heads see their own losses unweighted, it can stand
/// inside the same decorators, and <see cref="Balancer.LastGramian"/> shows how far the tasks are in conflict. Many methods
/// give this mean, times a factor, where no tasks are in conflict.
/// </remarks>
public sealed class MeanGradient : GramianWeighting
{
    /// <summary>The mean of the gradients.</summary>
    public MeanGradient()
        : base(nameof(MeanGradient))
    {
    }

    /// <inheritdoc/>
    public override double[] Weigh(Gramian gramian)
    {
        ArgumentNullException.ThrowIfNull(gramian);
        return [.. Enumerable.Repeat(1.0 / gramian.Count, gramian.Count)];
    }
}
