using static TorchSharp.torch;

namespace MultiTask;

/// <summary>A balancer that changes the losses and hands the new ones to another balancer.</summary>
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

    /// <inheritdoc/>
    public override bool RemembersGradients => inner.RemembersGradients;

    /// <inheritdoc/>
    public override bool AtParametersOnly => inner.AtParametersOnly;

    /// <summary>The new losses.</summary>
    /// <param name="losses">One scalar for each task of the batch, at least one.</param>
    /// <returns>For the same tasks, scalars that depend on the losses and on what the method learns.</returns>
    public abstract TaskMap<Tensor> Transform(TaskMap<Tensor> losses);

    /// <summary>
    /// The new losses of the same batch after the step. A method that remembers what it has seen overrides it, and does not
    /// count the batch twice.
    /// </summary>
    /// <param name="losses">The losses after the step.</param>
    protected virtual TaskMap<Tensor> TransformAgain(TaskMap<Tensor> losses) => Transform(losses);

    /// <inheritdoc/>
    public override void EndStep(Func<TaskMap<Tensor>> losses) => inner.EndStep(() => TransformAgain(losses()));

    /// <inheritdoc/>
    public override void EndEpoch() => inner.EndEpoch();

    /// <inheritdoc/>
    public override void Reset() => inner.Reset();

    /// <inheritdoc/>
    protected internal sealed override void Differentiate(IEnumerable<MicroBatchLosses> microBatches, IReadOnlyList<Tensor> shared)
    {
        inner.Differentiate(microBatches.Select(m => m.With(Transform(m.Losses), TransformAgain)), shared);
        (LastWeights, LastGramian) = (inner.LastWeights, inner.LastGramian);
    }

    /// <inheritdoc/>
    internal sealed override Tensor ThroughRepresentation(string task, Tensor own, Tensor balanced) => inner.ThroughRepresentation(task, own, balanced);
}
