namespace MultiTask.Sharing;

/// <summary>Which matrices a trace norm makes of the tasks' parameters.</summary>
public enum TensorFlattening
{
    /// <summary>One: a row for each task. Few towers span the others.</summary>
    LastAxis,

    /// <summary>One for each dimension, that of the tasks included: each dimension in turn against all others.</summary>
    Tucker,

    /// <summary>
    /// One for each cut in the order of the dimensions, the tasks last: the parameter's last dimension against all others, its
    /// last two against all others, … all of them against the tasks.
    /// </summary>
    TensorTrain,
}
