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
    IReadOnlyList<Parameter> parameters)
{
    private readonly TrainingStep step = new(trainer.Model, trainer.Balancer, trainer.Optimizer, parameters, options);
    private readonly Stopwatch clock = new();

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
                return StopReason.Requested;
            }
        }
    }

    private StopReason? Finished() =>
        options.Steps is { } steps ? (run.Steps >= steps ? StopReason.Completed : EarlyStop())
        : run.Epoch >= options.Epochs ? StopReason.Completed
        : EarlyStop();

    private StopReason? EarlyStop() =>
        options.Patience is { } patience && run.EpochsSinceBest >= patience ? StopReason.EarlyStopping : null;

    private void RunEpoch(Func<bool> stopRequested, CancellationToken cancellation)
    {
        clock.Restart();
        using var batches = train.Epoch(run.Epoch, run.BatchesRead).GetEnumerator();
        do
        {
            if (cancellation.IsCancellationRequested)
            {
                Save();
                cancellation.ThrowIfCancellationRequested();
            }
        }
        while (Step(batches) && !stopRequested() && !(run.Steps >= options.Steps));

        if (!stopRequested())
        {
            EndEpoch(cancellation);
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

        var report = step.Run(read, run.Epoch, run.Steps + 1);
        run.BatchesRead += read.Count;
        run.Steps += report.Skipped ? 0 : 1;
        run.Skipped += report.Skipped ? 1 : 0;
        foreach (var (task, loss) in report.Losses)
        {
            run.Sums.Add(task, loss, report.Labels[task]);
        }

        if (options.ScheduleClock == ScheduleClock.Step && !report.Skipped)
        {
            schedule?.Step();
        }

        foreach (var callback in options.Callbacks)
        {
            callback.OnStep(trainer, report);
        }

        Tell(report.Losses, null);
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
        trainer.Balancer.EndEpoch();
        run.Epochs.Add(report);
        (run.Epoch, run.BatchesRead, run.Skipped) = (run.Epoch + 1, 0, 0);
        run.Sums.Clear();
        if (options.ScheduleClock == ScheduleClock.Epoch)
        {
            schedule?.Step(double.IsNaN(report.Score) ? null : -report.Score);
        }

        Save();
        foreach (var callback in options.Callbacks)
        {
            callback.OnEpoch(trainer, report);
        }

        Tell([], report);
    }

    private EpochReport Report(CancellationToken cancellation)
    {
        var report = new EpochReport(
            run.Epoch,
            run.Steps,
            run.Sums.ToEvaluation(trainer.Model.Tasks, _ => []),
            Validate(cancellation),
            trainer.Optimizer.ParamGroups.First().LearningRate,
            run.Skipped,
            Score: double.NaN,
            IsBest: false,
            clock.Elapsed);
        return validation is null ? report : Select(report with { Score = options.Selection.Score(report) });
    }

    private Evaluation? Validate(CancellationToken cancellation)
    {
        try
        {
            return validation is null ? null : Evaluator.Evaluate(trainer.Model, validation, cancellation);
        }
        catch (OperationCanceledException)
        {
            Save();
            throw;
        }
    }

    /// <summary>An epoch in which nothing could be learned would be followed by others like it.</summary>
    private void ExpectSomeStep()
    {
        if (run.Skipped > 0 && run.Skipped * options.AccumulateBatches >= run.BatchesRead)
        {
            throw new InvalidOperationException(
                $"Every step of epoch {run.Epoch} was skipped: no batch had a label, or every loss or gradient was NaN or infinite.");
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

    private void Save()
    {
        if (options.CheckpointPath is { } path)
        {
            trainer.SaveCheckpoint(path);
        }
    }

    private void Tell(TaskMap<double> losses, EpochReport? report) => progress?.Report(new(
        report?.Epoch ?? run.Epoch,
        options.Steps is null ? options.Epochs : null,
        run.BatchesRead / options.AccumulateBatches,
        (train.BatchesPerEpoch + options.AccumulateBatches - 1) / options.AccumulateBatches,
        losses,
        report));
}
