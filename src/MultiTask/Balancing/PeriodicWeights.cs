using MultiTask.Diagnostics;
using static TorchSharp.torch;

namespace MultiTask.Balancing;

/// <summary>
/// Another balancer's weights, found anew every k-th step and used for the k steps: gradient balancing at little more than
/// the price of a sum.
/// </summary>
/// <remarks>
/// <para>
/// Xu et al., <i>PSMGD: Periodic Stochastic Multi-Gradient Descent</i> (2024), is <c>new PeriodicWeights(tasks, new MGDA(), period)</c>.
/// A step in between differentiates Σ wᵢ ℓᵢ by the shared parameters and Σ ℓᵢ by the heads: two backward passes, or one if the
/// inner balancer's <see cref="GramianWeighting.WeightHeads"/> is set.
/// </para>
/// <para>
/// A batch with a task that was absent when weights were found last has them found anew. In between,
/// <see cref="Balancer.LastGramian"/> is <c>null</c>: nothing was measured. So a gradient that is not finite is not noticed then, only
/// a loss; and if one is in a later micro-batch, the earlier ones are in the gradients already, as on the loss rungs.
/// </para>
/// </remarks>
public sealed class PeriodicWeights : Balancer
{
    private readonly GramianWeighting inner;
    private readonly TaskMemory weights; // of each task: the weight, and the number of the time it was found
    private readonly int period;
    private Tensor age; // steps since weights were found
    private Tensor times; // how often weights were found

    /// <summary>Weights that are found every k-th step.</summary>
    /// <param name="tasks">All tasks that may come.</param>
    /// <param name="inner">The balancer that finds the weights. From here on it belongs to this one.</param>
    /// <param name="period">k ≥ 1: how many steps the weights serve. With 1, only the inner balancer is at work.</param>
    /// <exception cref="ArgumentException"><paramref name="period"/> is below 1, or names are not distinct.</exception>
    public PeriodicWeights(IEnumerable<string> tasks, GramianWeighting inner, int period)
        : base(nameof(PeriodicWeights))
    {
        ArgumentNullException.ThrowIfNull(inner);
        this.inner = inner;
        this.period = Arguments.AtLeastOne(period, nameof(period));
        weights = new(tasks, length: 2, initial: double.NaN);
        age = zeros([], ScalarType.Int64).DetachFromDisposeScope();
        times = zeros([], ScalarType.Int64).DetachFromDisposeScope();
        RegisterComponents();
    }

    /// <summary>Weights that are found every k-th step.</summary>
    /// <param name="tasks">All tasks that may come.</param>
    /// <param name="inner">The balancer that finds the weights. From here on it belongs to this one.</param>
    /// <param name="period">k ≥ 1: how many steps the weights serve. With 1, only the inner balancer is at work.</param>
    /// <exception cref="ArgumentException"><paramref name="period"/> is below 1, or names are not distinct.</exception>
    public PeriodicWeights(IEnumerable<LearningTask> tasks, GramianWeighting inner, int period)
        : this(tasks.Select(t => t.Name), inner, period)
    {
    }

    /// <summary>The balancer that finds the weights.</summary>
    public GramianWeighting Inner => inner;

    /// <inheritdoc/>
    public override bool RemembersGradients => inner.RemembersGradients;

    /// <inheritdoc/>
    public override bool AtParametersOnly => inner.AtParametersOnly;

    /// <inheritdoc/>
    public override void EndStep(Func<TaskMap<Tensor>> losses) => inner.EndStep(losses);

    /// <inheritdoc/>
    public override void EndEpoch() => inner.EndEpoch();

    /// <inheritdoc/>
    public override void Reset()
    {
        inner.Reset();
        weights.Clear();
        age.zero_();
        times.zero_();
    }

    /// <inheritdoc/>
    internal override Tensor ThroughRepresentation(string task, Tensor own, Tensor balanced) =>
        inner.WeightHeads ? own : own * LastWeights![task];

    /// <inheritdoc/>
    protected internal override void Differentiate(IEnumerable<MicroBatchLosses> microBatches, IReadOnlyList<Tensor> shared)
    {
        ArgumentNullException.ThrowIfNull(microBatches);
        ArgumentNullException.ThrowIfNull(shared);
        using var scope = NewDisposeScope();
        using var rest = microBatches.GetEnumerator();
        if (!rest.MoveNext())
        {
            return;
        }

        var first = rest.Current;
        TaskNames.ExpectKnown(first.Order, weights.Tasks, nameof(PeriodicWeights));
        var latest = times.cpu().item<long>();
        var known = TaskMap.Create(first.Order.Select(task => (task, weights[task])));
        if (shared.Count == 0 || age.cpu().item<long>() >= period || !known.Values.All(w => w[1] == latest))
        {
            Find(All(), shared);
        }
        else
        {
            Use(All(), shared, known.Map((_, w) => w[0]));
        }

        age.add_(1);

        IEnumerable<MicroBatchLosses> All()
        {
            yield return first;
            while (rest.MoveNext())
            {
                yield return rest.Current;
            }
        }
    }

    /// <inheritdoc/>
    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            age.Dispose();
            times.Dispose();
        }

        base.Dispose(disposing);
    }

    private void Find(IEnumerable<MicroBatchLosses> batches, IReadOnlyList<Tensor> shared)
    {
        inner.Differentiate(batches, shared);
        (LastWeights, LastGramian) = (inner.LastWeights, inner.LastGramian);
        if (shared.Count == 0)
        {
            return; // nothing was balanced, and no weight found
        }

        age.zero_();
        var time = times.add_(1).cpu().item<long>();
        foreach (var (task, weight) in LastWeights!)
        {
            weights[task] = [weight, time];
        }
    }

    private void Use(IEnumerable<MicroBatchLosses> batches, IReadOnlyList<Tensor> shared, TaskMap<double> known)
    {
        (LastWeights, LastGramian) = (known, null);
        using var sequence = batches.GetEnumerator();
        while (true)
        {
            using var scope = NewDisposeScope();
            if (!sequence.MoveNext())
            {
                return;
            }

            if (inner.WeightHeads)
            {
                sequence.Current.Backward(known);
            }
            else
            {
                sequence.Current.Backward(known, shared);
            }
        }
    }
}
