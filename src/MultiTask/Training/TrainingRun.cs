using static TorchSharp.torch;

namespace MultiTask.Training;

/// <summary>How far a run has come: all that a checkpoint holds beside modules, optimizer and random numbers.</summary>
internal sealed class TrainingRun : IDisposable
{
    private Dictionary<string, Tensor> best = [];

    /// <summary>The epoch that is under way, from 0.</summary>
    public int Epoch { get; set; }

    /// <summary>How many of its batches have been read.</summary>
    public int BatchesRead { get; set; }

    /// <summary>How many steps the optimizer has made.</summary>
    public long Steps { get; set; }

    /// <summary>How many steps of the epoch were skipped.</summary>
    public int Skipped { get; set; }

    /// <summary>The learning rate of the last step.</summary>
    public double LearningRate { get; set; } = double.NaN;

    /// <summary>The losses of the epoch so far.</summary>
    public LossSums Sums { get; } = new();

    /// <summary>The reports of the finished epochs.</summary>
    public List<EpochReport> Epochs { get; } = [];

    /// <summary>The best score so far; NaN where there is none.</summary>
    public double BestScore { get; set; } = double.NaN;

    /// <summary>How many epochs ago that was.</summary>
    public int EpochsSinceBest { get; set; }

    /// <summary>The model's state after its best epoch; empty where there is none.</summary>
    public IReadOnlyDictionary<string, Tensor> Best => best;

    /// <summary>Keeps a copy of the model's state as the best.</summary>
    public void KeepBest(nn.Module model)
    {
        using var off = no_grad();
        Replace(model.state_dict().ToDictionary(p => p.Key, p => p.Value.clone()));
    }

    public RunDocument Save(string setup, string train, string? validation, ScheduleHistory? schedule) =>
        new(setup, Epoch, BatchesRead, Steps, Skipped, LearningRate, Sums.Save(), [.. Epochs], BestScore, EpochsSinceBest, train, validation, schedule);

    public static TrainingRun From(RunDocument saved, Dictionary<string, Tensor> best)
    {
        var run = new TrainingRun
        {
            Epoch = saved.Epoch,
            BatchesRead = saved.BatchesRead,
            Steps = saved.Steps,
            Skipped = saved.Skipped,
            LearningRate = saved.LearningRate,
            BestScore = saved.BestScore,
            EpochsSinceBest = saved.EpochsSinceBest,
        };
        run.Sums.Restore(saved.Sums);
        run.Epochs.AddRange(saved.Epochs);
        run.Replace(best);
        return run;
    }

    public void Dispose() => Replace([]);

    private void Replace(Dictionary<string, Tensor> state)
    {
        foreach (var tensor in best.Values)
        {
            tensor.Dispose();
        }

        foreach (var tensor in state.Values)
        {
            tensor.DetachFromDisposeScope();
        }

        best = state;
    }
}

/// <summary>A run in a checkpoint.</summary>
/// <param name="Setup">What trained: <see cref="TrainingSetup"/>.</param>
/// <param name="Epoch">The epoch that is under way.</param>
/// <param name="BatchesRead">How many of its batches have been read.</param>
/// <param name="Steps">How many steps the optimizer has made.</param>
/// <param name="Skipped">How many steps of the epoch were skipped.</param>
/// <param name="LearningRate">The learning rate of the last step; NaN before the first.</param>
/// <param name="Sums">The losses of the epoch so far.</param>
/// <param name="Epochs">The reports of the finished epochs.</param>
/// <param name="BestScore">The best score so far; NaN where there is none.</param>
/// <param name="EpochsSinceBest">How long ago that was.</param>
/// <param name="Train">The fingerprint of the training data.</param>
/// <param name="Validation">The fingerprint of the validation data.</param>
/// <param name="Schedule">What the learning-rate schedule did.</param>
internal sealed record RunDocument(
    string Setup,
    int Epoch,
    int BatchesRead,
    long Steps,
    int Skipped,
    double LearningRate,
    IReadOnlyList<LossSum> Sums,
    IReadOnlyList<EpochReport> Epochs,
    double BestScore,
    int EpochsSinceBest,
    string Train,
    string? Validation,
    ScheduleHistory? Schedule);
