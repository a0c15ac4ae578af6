using MultiTask.Balancing;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace MultiTask;

/// <summary>
/// Turns named losses into gradients, in the place where <c>loss.backward()</c> stood.
/// </summary>
/// <remarks>
/// <para>
/// <b>The contract of <c>Backward</c>.</b> On return every leaf that the losses reach has its gradient in <c>.grad</c>,
/// accumulated onto what was there, as <c>Tensor.backward</c> would leave it. The shared parameters hold the balanced
/// gradient; every other leaf (heads, learned loss weights) holds the gradient of its own losses: as the scalar gives it
/// on the loss rungs, unweighted on the gradient rungs unless <see cref="GramianWeighting.WeightHeads"/> is set. A leaf
/// that no loss reaches keeps the <c>.grad</c> it had. Nothing is zeroed, stepped, printed or disposed, and the graph of
/// the losses is freed. If <c>Backward</c> throws, the shared parameters' gradients are as they were
/// (on the loss rungs: unless an earlier micro-batch of the same call has been differentiated).
/// </para>
/// <para>
/// The ladder: <see cref="Scalarizer"/> (losses → one scalar), <see cref="LossWeighting"/> (losses → weights),
/// <see cref="GradientAggregator"/> (Jacobian → gradient), <see cref="GramianWeighting"/> (Gramian → weights),
/// <see cref="StochasticWeighting"/> (products of independent samples → weights),
/// <see cref="LossTransform"/> (losses → losses, then another balancer), <see cref="WeightTransform"/> (another balancer, then
/// weights → weights). What fits no rung overrides <see cref="Differentiate"/> here, with the same helpers
/// (<see cref="Jacobian.OfMicroBatches"/>, <see cref="MicroBatchLosses.Backward(TaskMap{double})"/>).
/// </para>
/// <para>
/// A balancer is a module: what it learns is parameters and what it remembers is buffers, named by task, so that it moves
/// to a device and lands in a checkpoint by itself. Hand its <c>parameters()</c> to the optimizer with the model's.
/// </para>
/// </remarks>
public abstract class Balancer : nn.Module
{
    /// <summary>A balancer.</summary>
    /// <param name="name">The module's name, usually the class's.</param>
    protected Balancer(string name)
        : base(name)
    {
    }

    /// <summary>The weight of each task in the last <c>Backward</c>, where the method has such weights.</summary>
    public TaskMap<double>? LastWeights { get; protected set; }

    /// <summary>The Gramian of the task gradients in the last <c>Backward</c>, where the method has one.</summary>
    public Gramian? LastGramian { get; protected set; }

    /// <summary>
    /// Whether the method remembers gradients from step to step, entry by entry. Such a method cannot be balanced at the
    /// representation, where the entries belong to other samples in each batch.
    /// </summary>
    public virtual bool RemembersGradients => false;

    /// <summary>
    /// Whether the method can be balanced at the shared parameters only, not at the representation: because it
    /// <see cref="RemembersGradients"/>, or differentiates by all parameters of the model.
    /// </summary>
    public virtual bool AtParametersOnly => RemembersGradients;

    /// <summary>Computes the balanced gradient of the losses.</summary>
    /// <param name="losses">One scalar for each task that has a label in this batch, at least one.</param>
    /// <param name="shared">
    /// The parameters to balance at: leaves on one device, each once; those that need no gradient (frozen) are passed over.
    /// With none there is nothing to balance, and the gradient rungs leave each parameter the gradient of its own losses.
    /// </param>
    /// <exception cref="ArgumentException">
    /// No loss, a loss that is no scalar or needs no gradient, a parameter that stands twice or is no leaf, tasks the method
    /// was not built for.
    /// </exception>
    /// <exception cref="NonFiniteException">A loss is NaN or infinite, or on the gradient rungs a task's gradient.</exception>
    public void Backward(TaskMap<Tensor> losses, IEnumerable<Parameter> shared) =>
        Backward([new MicroBatchLosses(losses)], shared);

    /// <summary>
    /// Computes the balanced gradient at the representation: one backward pass through each head, then one through the
    /// trunk. With a scalarizer the result is the same as at the parameters.
    /// </summary>
    /// <remarks>
    /// Where each task has a representation of its own, of one shape, a task's gradient is that by its own representation.
    /// Where the method gives weights, the trunk gets wᵢ gᵢ through representation i; where it gives a gradient d, it gets
    /// d/m through each of the m. Both are what the trunk gets from one shared tensor if all representations are that tensor.
    /// </remarks>
    /// <param name="losses">One scalar for each task, of heads that read <paramref name="representation"/>.</param>
    /// <param name="representation">A <see cref="Representation.Cut"/> representation.</param>
    /// <exception cref="ArgumentException">
    /// As above, or the representation is not cut, or tasks have representations of unlike shapes, or the method
    /// works <see cref="AtParametersOnly"/>.
    /// </exception>
    /// <exception cref="NonFiniteException">A loss is NaN or infinite, or on the gradient rungs a task's gradient.</exception>
    public void Backward(TaskMap<Tensor> losses, Representation representation) =>
        Backward(new MicroBatchLosses(losses), representation);

    internal void Backward(MicroBatchLosses losses, Representation representation)
    {
        ArgumentNullException.ThrowIfNull(representation);
        ExpectRepresentation();
        using var scope = NewDisposeScope();
        var cut = representation.CutFor(losses.Losses.Tasks);
        Differentiate([losses.Checked()], [cut.Leaf]);
        cut.Backward(this);
    }

    /// <summary>Refuses to be balanced at the representation, where that makes no sense.</summary>
    internal void ExpectRepresentation()
    {
        if (RemembersGradients)
        {
            throw new ArgumentException(
                $"{GetName()} remembers gradients from step to step, and at the representation their entries belong to other samples in each batch; balance at the shared parameters.");
        }

        if (AtParametersOnly)
        {
            throw new ArgumentException($"{GetName()} differentiates by the parameters, which the losses do not reach where the representation is cut; balance at the shared parameters.");
        }
    }

    /// <summary>What the trunk gets through a task's own representation.</summary>
    /// <param name="task">The task's name.</param>
    /// <param name="own">The gradient by that representation which the method left there, as in a head.</param>
    /// <param name="balanced">The m-th part of the balanced gradient.</param>
    internal virtual Tensor ThroughRepresentation(string task, Tensor own, Tensor balanced) => own;

    /// <summary>Computes the balanced gradient of a batch that is read in several micro-batches, in the memory of one.</summary>
    /// <remarks>
    /// The gradient rungs sum each task's gradient over the micro-batches and aggregate once: the same gradient as for the
    /// whole batch. The loss rungs form their scalar in each micro-batch; its gradient by a loss counts by that loss's share:
    /// the same as for the whole batch where the weights do not depend on the losses.
    /// </remarks>
    /// <param name="microBatches">
    /// At least one; the sequence is read once, and each element's graph is freed before the next is asked for (not where heads are
    /// weighted, <see cref="GramianWeighting.WeightHeads"/>: the weights are known only when all have been read).
    /// </param>
    /// <param name="shared">The parameters to balance at.</param>
    /// <exception cref="ArgumentException">As above, or there is no micro-batch.</exception>
    /// <exception cref="NonFiniteException">A loss is NaN or infinite, or on the gradient rungs a task's gradient.</exception>
    public void Backward(IEnumerable<MicroBatchLosses> microBatches, IEnumerable<Parameter> shared)
    {
        ArgumentNullException.ThrowIfNull(microBatches);
        ArgumentNullException.ThrowIfNull(shared);
        using var scope = NewDisposeScope();
        Differentiate(Checked(microBatches), Leaves.Checked(shared));
    }

    /// <summary>Takes note that the optimizer has made its step; methods that look back at a step override it.</summary>
    /// <param name="losses">
    /// Computes the losses of the step's batch anew, with the updated parameters; methods that do not need it do not call it.
    /// </param>
    public virtual void EndStep(Func<TaskMap<Tensor>> losses)
    {
    }

    /// <summary>Takes note that an epoch has ended; methods that compare epochs override it.</summary>
    public virtual void EndEpoch()
    {
    }

    /// <summary>Forgets what was remembered (not what was learned as parameters).</summary>
    public virtual void Reset()
    {
    }

    /// <inheritdoc/>
    public override (IList<string> missing_keys, IList<string> unexpected_keyes) load_state_dict(
        Dictionary<string, Tensor> source, bool strict = true, IList<string>? skip = null)
    {
        ArgumentNullException.ThrowIfNull(source);
        Adopt(source);
        return base.load_state_dict(source, strict, skip);
    }

    /// <summary>Makes room for a state that is about to be loaded.</summary>
    internal void Adopt(IReadOnlyDictionary<string, Tensor> state)
    {
        foreach (var (name, module) in named_modules())
        {
            (module as TaskVectors)?.Adopt($"{name}.", state);
        }
    }

    private static IEnumerable<MicroBatchLosses> Checked(IEnumerable<MicroBatchLosses> microBatches)
    {
        var any = false;
        foreach (var batch in microBatches)
        {
            any = true;
            yield return batch.Checked();
        }

        if (!any)
        {
            throw MicroBatchLosses.None;
        }
    }

    /// <summary>Does the work of <c>Backward</c>, by its contract. Runs inside a dispose scope.</summary>
    /// <param name="microBatches">
    /// The losses, checked to be scalar, finite and in need of gradients; usually one element. Open a dispose scope before
    /// each step of the sequence: its elements are computed when they are asked for.
    /// </param>
    /// <param name="shared">The leaves to balance at, distinct; possibly none.</param>
    protected internal abstract void Differentiate(IEnumerable<MicroBatchLosses> microBatches, IReadOnlyList<Tensor> shared);
}
