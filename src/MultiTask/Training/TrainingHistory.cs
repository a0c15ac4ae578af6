namespace MultiTask.Training;

/// <summary>What came of a run, epoch by epoch.</summary>
public sealed class TrainingHistory
{
    internal TrainingHistory(IReadOnlyList<EpochReport> epochs, StopReason stopped)
    {
        Epochs = epochs;
        Stopped = stopped;
    }

    /// <summary>The reports of the finished epochs, in order.</summary>
    public IReadOnlyList<EpochReport> Epochs { get; }

    /// <summary>Why the run ended.</summary>
    public StopReason Stopped { get; }

    /// <summary>The epoch that model selection found best; <c>null</c> without selection.</summary>
    public EpochReport? Best => Epochs.LastOrDefault(e => e.IsBest);

    /// <summary>The epoch in which a task's validation loss was lowest: how far it lies from <see cref="Best"/> tells how well one stopping point suits all tasks.</summary>
    /// <param name="task">The task's name.</param>
    /// <returns>The report, or <c>null</c> where there was no validation data with labels of the task, or all losses were NaN.</returns>
    public EpochReport? BestFor(string task) =>
        Epochs.Where(e => e.Validation?.Tasks.Contains(task) == true && !double.IsNaN(e.Validation[task].Loss)).MinBy(e => e.Validation![task].Loss);
}

/// <summary>Why a run ended.</summary>
public enum StopReason
{
    /// <summary>All epochs or steps are done.</summary>
    Completed,

    /// <summary>The score did not improve for as many epochs as <see cref="TrainerOptions.Patience"/> says.</summary>
    EarlyStopping,

    /// <summary>A callback asked for it.</summary>
    Requested,
}
