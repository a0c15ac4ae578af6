namespace MultiTask.Metrics;

/// <summary>How a figure for each class becomes one.</summary>
public enum Averaging
{
    /// <summary>No average: the figure of the positive class of a yes-or-no task.</summary>
    Binary,

    /// <summary>The plain mean over classes: a rare class counts as much as a common one.</summary>
    Macro,

    /// <summary>The figure of the summed counts: each label counts alike.</summary>
    Micro,
}
