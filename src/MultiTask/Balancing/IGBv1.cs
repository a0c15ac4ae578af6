using MultiTask.Diagnostics;

namespace MultiTask.Balancing;

/// <summary>Improvable gap balancing, version 1: a task that has improved less since a base epoch gets more weight.</summary>
/// <remarks>
/// Dai et al., <i>Improvable Gap Balancing for Multi-Task Learning</i> (UAI 2023): the gradient of Σ wᵢ log ℓᵢ with
/// w = m·softmax(ℓᵢ/ℓ̄ᵢ), where ℓ̄ᵢ is the task's mean loss in the base epoch; before, w = 1. As weights of the losses that is
/// wᵢ/ℓᵢ, the same gradient. A task without a base loss yet has w = 1, and the others' sum to their number. Losses must be positive.
/// The clock is <see cref="EndEpoch"/>: the trainer calls it; in a loop of your own, call it after each epoch.
/// </remarks>
public sealed class IGBv1 : LossWeighting
{
    private readonly BaseLosses base_losses;

    /// <summary>Improvable gap balancing.</summary>
    /// <param name="tasks">All tasks that may come.</param>
    /// <param name="baseEpoch">The epoch whose mean losses are the base, 0 is the first; 1 by default, as in the authors' code.</param>
    /// <exception cref="ArgumentException">The epoch is negative, or names are not distinct.</exception>
    public IGBv1(IEnumerable<string> tasks, int baseEpoch = 1)
        : base(nameof(IGBv1))
    {
        base_losses = new(tasks, Arguments.NonNegative(baseEpoch, nameof(baseEpoch)));
        RegisterComponents();
    }

    /// <summary>Improvable gap balancing.</summary>
    /// <param name="tasks">All tasks that may come.</param>
    /// <param name="baseEpoch">The epoch whose mean losses are the base, 0 is the first; 1 by default, as in the authors' code.</param>
    /// <exception cref="ArgumentException">The epoch is negative, or names are not distinct.</exception>
    public IGBv1(IEnumerable<LearningTask> tasks, int baseEpoch = 1)
        : this(tasks.Select(t => t.Name), baseEpoch)
    {
    }

    /// <inheritdoc/>
    /// <exception cref="ArgumentException">There is a task that the method was not built for, or a negative loss.</exception>
    /// <exception cref="NonFiniteException">A loss is 0: its logarithm is infinite.</exception>
    public override double[] Weigh(TaskMap<double> losses)
    {
        ArgumentNullException.ThrowIfNull(losses);
        TaskNames.ExpectKnown(losses.Tasks, base_losses.Tasks, nameof(IGBv1));
        PositiveLosses.Expect(losses, nameof(IGBv1));
        base_losses.Add(losses);
        var gaps = losses.Where(l => base_losses[l.Task] is not null).Select(l => (l.Task, l.Value / base_losses[l.Task]!.Value)).ToArray();
        var share = gaps.Length == 0 ? [] : Softmax.Of(Array.ConvertAll(gaps, g => g.Item2));
        var w = gaps.Zip(share).ToDictionary(p => p.First.Task, p => p.Second * gaps.Length, StringComparer.Ordinal);
        return [.. losses.Select(l => w.GetValueOrDefault(l.Task, 1) / l.Value)];
    }

    /// <inheritdoc/>
    public override void EndEpoch() => base_losses.EndEpoch();

    /// <inheritdoc/>
    public override void Reset() => base_losses.Clear();
}
