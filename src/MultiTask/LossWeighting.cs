using MultiTask.Balancing;
using MultiTask.Numerics;
using static TorchSharp.torch;

namespace MultiTask;

/// <summary>A balancer that weighs the losses by numbers: Σ wᵢ ℓᵢ, one backward pass.</summary>
public abstract class LossWeighting : Scalarizer
{
    /// <summary>A loss weighting.</summary>
    /// <param name="name">The module's name, usually the class's.</param>
    protected LossWeighting(string name)
        : base(name)
    {
    }

    /// <summary>The weights of the losses.</summary>
    /// <param name="losses">The value of each task's loss, at least one.</param>
    /// <returns>One weight for each, in the same order.</returns>
    public abstract double[] Weigh(TaskMap<double> losses);

    /// <inheritdoc/>
    public sealed override Tensor Scalarize(TaskMap<Tensor> losses)
    {
        ArgumentNullException.ThrowIfNull(losses);
        return Combine(losses, HostValues.Of(losses));
    }

    /// <inheritdoc/>
    private protected sealed override Tensor ScalarOf(MicroBatchLosses batch) => Combine(batch.Losses, batch.Values);

    private Tensor Combine(TaskMap<Tensor> losses, TaskMap<double> values)
    {
        LastWeights = TaskWeights.Checked(Weigh(values), values, this);
        return TaskWeights.Combine(losses, LastWeights);
    }
}
