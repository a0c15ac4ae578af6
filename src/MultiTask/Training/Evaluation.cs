namespace MultiTask.Training;

/// <summary>How all tasks did on some data.</summary>
/// <param name="Tasks">A report for each task that had a label.</param>
/// <param name="TotalLoss">The sum of the tasks' mean losses, each times its <see cref="LearningTask.Weight"/>.</param>
public sealed record Evaluation(TaskMap<TaskReport> Tasks, double TotalLoss)
{
    /// <summary>The report of a task.</summary>
    /// <param name="task">The task's name.</param>
    /// <exception cref="KeyNotFoundException">The task had no label, or there is no such task.</exception>
    public TaskReport this[string task] => Tasks[task];
}
