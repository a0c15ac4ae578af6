using static TorchSharp.torch.optim.lr_scheduler;

namespace MultiTask.Training;

/// <summary>
/// A learning-rate scheduler that remembers the steps it made, so that a fresh one can be brought to the same place.
/// </summary>
/// <remarks>
/// TorchSharp's schedulers keep their state to themselves. To resume: build a fresh optimizer, build the scheduler on it
/// as before, <see cref="Replay"/> the <see cref="History"/>, and only then restore the optimizer's own state, which sets
/// learning rates and momenta to what they were, whoever set them. A replay makes the same calculations in the same order
/// and so ends at the same numbers; a schedule's functions (<c>LambdaLR</c>) have to depend on nothing but the epoch.
/// </remarks>
internal sealed class ScheduleReplay
{
    private readonly LRScheduler scheduler;
    private readonly List<ScheduleRun> runs = [];

    /// <summary>Begins to remember.</summary>
    /// <param name="scheduler">A scheduler that has made no step yet.</param>
    public ScheduleReplay(LRScheduler scheduler)
    {
        ArgumentNullException.ThrowIfNull(scheduler);
        this.scheduler = scheduler;
    }

    /// <summary>Whether the schedule depends on a metric, which every step then has to give.</summary>
    public bool NeedsMetric => scheduler is impl.ReduceLROnPlateau;

    /// <summary>The steps so far.</summary>
    public ScheduleHistory History => new(scheduler.GetType().Name, [.. runs]);

    /// <summary>Makes a step.</summary>
    /// <param name="metric">The metric that the schedule depends on; schedules that depend on none ignore it.</param>
    /// <exception cref="ArgumentException">The schedule needs a metric and there is none.</exception>
    public void Step(double? metric = null)
    {
        Advance(metric);
        Remember(metric);
    }

    /// <summary>Makes all the steps of a history.</summary>
    /// <param name="history">What another recorder's <see cref="History"/> was.</param>
    /// <exception cref="InvalidOperationException">This one has made steps already.</exception>
    /// <exception cref="InvalidDataException">The history is of another kind of schedule.</exception>
    public void Replay(ScheduleHistory history)
    {
        ArgumentNullException.ThrowIfNull(history);
        Check(history);
        foreach (var (metric, count) in history.Runs)
        {
            for (var i = 0L; i < count; i++)
            {
                Advance(metric);
            }
        }

        runs.AddRange(history.Runs);
    }

    private void Check(ScheduleHistory history)
    {
        if (runs.Count > 0)
        {
            throw new InvalidOperationException("A history should be replayed on a fresh scheduler. This one has made steps.");
        }

        if (history.Scheduler != scheduler.GetType().Name)
        {
            throw new InvalidDataException($"The learning-rate schedule should be {scheduler.GetType().Name}. Found {history.Scheduler}.");
        }
    }

    private void Advance(double? metric)
    {
        // A chained schedule has no step with a metric (it fails within TorchSharp); all others ignore what they do not need.
        if (metric is { } value && scheduler is not impl.ChainedLR)
        {
            scheduler.step(value);
        }
        else if (NeedsMetric)
        {
            throw new ArgumentException("ReduceLROnPlateau needs a metric at every step. Found none.", nameof(metric));
        }
        else
        {
            scheduler.step();
        }
    }

    private void Remember(double? metric)
    {
        if (runs is [.., var last] && Nullable.Equals(last.Metric, metric))
        {
            runs[^1] = last with { Count = last.Count + 1 };
        }
        else
        {
            runs.Add(new(metric, 1));
        }
    }
}

/// <summary>The steps of a learning-rate schedule.</summary>
/// <param name="Scheduler">The scheduler's type.</param>
/// <param name="Runs">The steps, equal neighbours together.</param>
internal sealed record ScheduleHistory(string Scheduler, IReadOnlyList<ScheduleRun> Runs);

/// <summary>Equal steps in a row.</summary>
/// <param name="Metric">The metric that each of them got.</param>
/// <param name="Count">How many there are.</param>
internal readonly record struct ScheduleRun(double? Metric, long Count);
