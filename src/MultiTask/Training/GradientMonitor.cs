namespace MultiTask.Training;

/// <summary>Watches how the tasks' gradients get along while the trainer works: losses, weights, norms, cosines, conflicts, step by step.</summary>
/// <remarks>
/// <code>
/// using var monitor = new GradientMonitor(new JsonLinesLog("run.jsonl"));
/// trainer.Fit(train, validation, new() { Callbacks = [monitor] });
/// Console.WriteLine(monitor.Summary);
/// </code>
/// It reads what the balancer has computed anyway, so it costs no backward pass and does not change the training. Losses are
/// there with every balancer, weights with those that have them, figures of gradients with those that have a Gramian
/// (<see cref="GramianWeighting"/>). Where batches are accumulated, the weights of a loss rung are those of the last batch.
/// </remarks>
public sealed class GradientMonitor : TrainerCallback, IDisposable
{
    private readonly IReadOnlyList<StepLog> logs;
    private readonly GradientTally tally = new();
    private readonly int every = 1;
    private Gramian? seen;

    /// <summary>A monitor of one model's training.</summary>
    /// <param name="logs">
    /// Where to write; nowhere is allowed, for the sake of <see cref="Summary"/>. From here on they belong to the monitor, which disposes them.
    /// </param>
    public GradientMonitor(params IReadOnlyList<StepLog> logs)
    {
        ArgumentNullException.ThrowIfNull(logs);
        this.logs = [.. logs];
    }

    /// <summary>Which steps are recorded: n, 2n, 3n, …; n ≥ 1, and all by default. Skipped steps always are.</summary>
    public int Every
    {
        get => every;
        init => every = value >= 1 ? value : throw new ArgumentException($"`{nameof(Every)}` should be at least 1. Found {value}.");
    }

    /// <summary>Whether the figures of each pair of tasks are written, three times m(m − 1)/2 for m tasks; true by default.</summary>
    public bool Pairs { get; init; } = true;

    /// <summary>The last record; <c>null</c> before the first.</summary>
    public StepRecord? Last { get; private set; }

    /// <summary>What the records so far have in common: those that this monitor has made, not those of a file that it goes on with.</summary>
    public GradientSummary Summary => tally.ToSummary();

    /// <inheritdoc/>
    /// <exception cref="InvalidOperationException">The monitor has records of a model with other tasks.</exception>
    public override void OnStep(Trainer trainer, StepReport report)
    {
        ArgumentNullException.ThrowIfNull(trainer);
        ArgumentNullException.ThrowIfNull(report);
        var gramian = Fresh(trainer.Balancer.LastGramian);
        if (report.Skipped || report.Step % Every == 0)
        {
            Record(new(trainer.Model.Tasks.Tasks, report.Epoch, report.Step)
            {
                Skipped = report.Skipped,
                Fault = report.Fault?.Message,
                Losses = report.Losses,
                Weights = report.Skipped ? null : trainer.Balancer.LastWeights,
                Conflicts = report.Skipped || gramian is null ? null : new(gramian),
                Pairs = Pairs,
            });
        }
    }

    /// <summary>Disposes the logs, which closes their files. What was recorded can still be read here.</summary>
    public void Dispose()
    {
        foreach (var log in logs.OfType<IDisposable>())
        {
            log.Dispose();
        }
    }

    private void Record(StepRecord record)
    {
        tally.Add(record);
        Last = record;
        foreach (var log in logs)
        {
            log.Write(record);
        }
    }

    /// <summary>A Gramian that stood there before is one of an earlier step: the balancer has made none in this one.</summary>
    private Gramian? Fresh(Gramian? gramian)
    {
        var fresh = ReferenceEquals(gramian, seen) ? null : gramian;
        seen = gramian;
        return fresh;
    }
}
