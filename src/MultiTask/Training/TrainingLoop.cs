using System.Diagnostics;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace MultiTask.Training;

/// <summary>Epochs and steps, from where a run stands to its end.</summary>
internal sealed class TrainingLoop(
    Trainer trainer,
    TrainingRun run,
    BatchSource train,
    BatchSource? validation,
    TrainerOptions options,
    ScheduleReplay? schedule,
    IProgress<TrainingProgress>? progress,
    IReadOnlyList<Parameter> parameters) : IDisposable
{
    private readonly TrainingStep step = new(trainer.Model, trainer.Balancer, trainer.Optimizer, parameters, options);
    private readonly Stopwatch clock = new();
    private NonFiniteException? lastFault;

    /// <summary>Runs to the end and says why it ended.</summary>
    public StopReason Run(Func<bool> stopRequested, CancellationToken cancellation)
    {
        while (true)
        {
            if (Finished() is { } reason)
            {
                return reason;
            }

            RunEpoch(stopRequested, cancellation);
            if (stopRequested())
            {
                Save();
                return StopReason.Requested;
            }
        }
    }

    public void Dispose() => step.Dispose();

    /// <summary>Why there is no further epoch. One that is under way (the run was stopped in it) always ends.</summary>
    private StopReason? Finished() =>
        run.BatchesRead > 0 ? null
        : AllStepsDone || (options.Steps is null && run.Epoch >= options.Epochs) ? StopReason.Completed
        : options.Patience is { } patience && run.EpochsSinceBest >= patience ? StopReason.EarlyStopping
        : null;

    private bool AllStepsDone => run.Steps >= options.Steps;

    private void RunEpoch(Func<bool> stopRequested, CancellationToken cancellation)
    {
        clock.Restart();
        using (var batches = train.Epoch(run.Epoch, run.BatchesRead).GetEnumerator())
        {
            do
            {
                SaveIfCancelled(cancellation);
            }
            while (!AllStepsDone && Step(batches) && !stopRequested());
        }

        if (!stopRequested())
        {
            EndEpoch(cancellation);
        }
    }

    private void SaveIfCancelled(CancellationToken cancellation)
    {
        if (cancellation.IsCancellationRequested)
        {
            Save();
            cancellation.ThrowIfCancellationRequested();
        }
    }

    /// <summary>Makes a step; false at the end of the epoch.</summary>
    private bool Step(IEnumerator<MultiTaskBatch> batches)
    {
        using var scope = NewDisposeScope();
        var read = Read(batches);
        if (read.Count == 0)
        {
            return false;
        }

        run.LearningRate = trainer.Optimizer.ParamGroups.First().LearningRate;
        var report = step.Run(read, run.Epoch, run.Steps + 1, run.Sums);
        run.BatchesRead += read.Count;
        if (report.Skipped)
        {
            run.Skipped++;
            lastFault = report.Fault;
        }
        else
        {
            run.Steps++;
            MoveSchedule(ScheduleClock.Step);
        }

        foreach (var callback in options.Callbacks)
        {
            callback.OnStep(trainer, report);
        }

        Tell(run.Epoch, run.BatchesRead, report.Losses, null);
        return true;
    }

    private List<MultiTaskBatch> Read(IEnumerator<MultiTaskBatch> batches)
    {
        var read = new List<MultiTaskBatch>(options.AccumulateBatches);
        while (read.Count < options.AccumulateBatches && batches.MoveNext())
        {
            read.Add(batches.Current);
        }

        return read;
    }

    private void EndEpoch(CancellationToken cancellation)
    {
        ExpectSomeStep();
        var report = Report(cancellation);
        var read = run.BatchesRead;
        trainer.Model.Trunk.EndEpoch();
        trainer.Balancer.EndEpoch();
        run.Epochs.Add(report);
        (run.Epoch, run.BatchesRead, run.Skipped) = (run.Epoch + 1, 0, 0);
        run.Sums.Clear();
        MoveSchedule(ScheduleClock.Epoch, report.Score);
        Save();
        foreach (var callback in options.Callbacks)
        {
            callback.OnEpoch(trainer, report);
        }

        Tell(report.Epoch, read, [], report);
    }

    private EpochReport Report(CancellationToken cancellation)
    {
        var report = new EpochReport(
            run.Epoch,
            run.Steps,
            run.Sums.ToEvaluation(trainer.Model.Tasks, _ => []),
            Validate(cancellation),
            run.LearningRate,
            run.Skipped,
            Score: double.NaN,
            IsBest: false,
            clock.Elapsed);
        return validation is null ? report : Select(report with { Score = options.Selection.Score(report) });
    }

    private Evaluation? Validate(CancellationToken cancellation)
    {
        if (validation is null)
        {
            return null;
        }

        try
        {
            return Evaluator.Evaluate(trainer.Model, validation, cancellation);
        }
        catch (OperationCanceledException) when (cancellation.IsCancellationRequested)
        {
            Save();
            throw;
        }
    }

    /// <summary>An epoch in which nothing could be learned would be followed by others like it.</summary>
    private void ExpectSomeStep()
    {
        if (run.BatchesRead == 0)
        {
            throw new InvalidOperationException($"An epoch should have at least one batch. Found none in epoch {run.Epoch} of {train.Fingerprint}.");
        }

        if (run.Skipped >= StepsFor(run.BatchesRead))
        {
            throw new InvalidOperationException(
                $"Every step of epoch {run.Epoch} was skipped: {lastFault?.Message ?? "no batch had a label."}", lastFault);
        }
    }

    private EpochReport Select(EpochReport report)
    {
        if (!double.IsNaN(report.Score) && !(report.Score <= run.BestScore))
        {
            (run.BestScore, run.EpochsSinceBest) = (report.Score, 0);
            if (options.RestoreBest)
            {
                run.KeepBest(trainer.Model);
            }

            return report with { IsBest = true };
        }

        run.EpochsSinceBest++;
        return report;
    }

    private void MoveSchedule(ScheduleClock clock, double score = double.NaN)
    {
        if (schedule is not null && clock == options.ScheduleClock)
        {
            schedule.Step(schedule.NeedsMetric ? -score : null);
        }
    }

    private void Save()
    {
        if (options.CheckpointPath is { } path)
        {
            trainer.SaveCheckpoint(path);
        }
    }

    private void Tell(int epoch, int batchesRead, TaskMap<double> losses, EpochReport? report) => progress?.Report(new(
        epoch,
        options.Steps is null ? options.Epochs : null,
        StepsFor(batchesRead),
        train.BatchesPerEpoch is { } all ? StepsFor(all) : null,
        losses,
        report));

    private int StepsFor(int batches) => (batches + options.AccumulateBatches - 1) / options.AccumulateBatches;
}
