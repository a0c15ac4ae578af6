using static TorchSharp.torch;

namespace MultiTask;

/// <summary>A balancer that changes each loss by itself and hands the new losses to another balancer.</summary>
public abstract class LossTransform : Balancer
{
    private readonly Balancer inner;

    /// <summary>A loss transform.</summary>
    /// <param name="name">The module's name, usually the class's.</param>
    /// <param name="inner">The balancer of the transformed losses. From here on it belongs to this one.</param>
    protected LossTransform(string name, Balancer inner)
        : base(name)
    {
        ArgumentNullException.ThrowIfNull(inner);
        this.inner = inner;
    }

    /// <summary>The balancer of the transformed losses.</summary>
    public Balancer Inner => inner;

    /// <summary>The new loss of a task.</summary>
    /// <param name="task">The task's name.</param>
    /// <param name="loss">The task's loss, a scalar.</param>
    /// <returns>A scalar that depends on the loss and on what the method learns.</returns>
    public abstract Tensor Transform(string task, Tensor loss);

    /// <inheritdoc/>
    public override void EndStep(Func<TaskMap<Tensor>> losses) => inner.EndStep(() => losses().Map(Transform));

    /// <inheritdoc/>
    public override void EndEpoch() => inner.EndEpoch();

    /// <inheritdoc/>
    public override void Reset() => inner.Reset();

    /// <inheritdoc/>
    protected internal sealed override void Differentiate(IEnumerable<MicroBatchLosses> microBatches, IReadOnlyList<Tensor> shared)
    {
        inner.Differentiate(microBatches.Select(m => m.With(m.Losses.Map(Transform))), shared);
        (LastWeights, LastGramian) = (inner.LastWeights, inner.LastGramian);
    }
}
