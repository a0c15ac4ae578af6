using MultiTask.Balancing;

namespace MultiTask;

/// <summary>A balancer that changes the weights which another balancer finds.</summary>
public abstract class WeightTransform : GramianWeighting
{
    private readonly GramianWeighting inner;

    /// <summary>A weight transform.</summary>
    /// <param name="name">The module's name, usually the class's.</param>
    /// <param name="inner">
    /// The balancer that finds the weights. From here on it belongs to this one, whose own <see cref="GramianWeighting.WeightHeads"/>,
    /// <see cref="GramianWeighting.MemoryBudget"/> and <see cref="GradientAggregator.Scale"/> count.
    /// </param>
    protected WeightTransform(string name, GramianWeighting inner)
        : base(name)
    {
        ArgumentNullException.ThrowIfNull(inner);
        this.inner = inner;
    }

    /// <summary>The balancer that finds the weights.</summary>
    public GramianWeighting Inner => inner;

    /// <inheritdoc/>
    public override bool RemembersGradients => inner.RemembersGradients;

    /// <inheritdoc/>
    public override bool AtParametersOnly => inner.AtParametersOnly;

    /// <summary>The new weights.</summary>
    /// <param name="gramian">The inner products of the gradients.</param>
    /// <param name="weights">The weights that the inner balancer found.</param>
    /// <returns>As many weights, in the same order.</returns>
    public abstract double[] Transform(Gramian gramian, double[] weights);

    /// <inheritdoc/>
    public sealed override double[] Weigh(Gramian gramian)
    {
        ArgumentNullException.ThrowIfNull(gramian);
        return Transform(gramian, [.. TaskWeights.Checked(inner.Weigh(gramian), gramian.Losses, inner).Values]);
    }

    /// <inheritdoc/>
    public override void EndStep(Func<TaskMap<TorchSharp.torch.Tensor>> losses) => inner.EndStep(losses);

    /// <inheritdoc/>
    public override void EndEpoch() => inner.EndEpoch();

    /// <inheritdoc/>
    public override void Reset() => inner.Reset();
}
