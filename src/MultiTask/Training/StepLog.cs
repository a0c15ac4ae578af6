namespace MultiTask.Training;

/// <summary>Where a <see cref="GradientMonitor"/> puts its records: a file, TensorBoard, or what you derive from it.</summary>
/// <remarks>One that holds something open implements <see cref="IDisposable"/> as well; the monitor disposes it.</remarks>
public abstract class StepLog
{
    /// <summary>Takes in the record of a step. An exception ends the run.</summary>
    /// <param name="record">The record.</param>
    public abstract void Write(StepRecord record);
}
