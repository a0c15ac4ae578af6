using MultiTask.Diagnostics;

namespace MultiTask;

/// <summary>A loss, a gradient or an input is NaN or infinite.</summary>
/// <remarks>No parameter has been changed. The trainer adds the epoch and the step to the message.</remarks>
public sealed class NonFiniteException : ArithmeticException
{
    /// <summary>A value of a task is NaN or infinite.</summary>
    /// <param name="task">The task's name.</param>
    /// <param name="what">What is not finite: <c>loss</c>, <c>gradient</c>, <c>squared norm of the gradient</c> or <c>input</c>.</param>
    /// <param name="value">The value.</param>
    /// <param name="where">Where it happened, such as an epoch and a step; may be empty.</param>
    public NonFiniteException(string task, string what, double value, string where = "")
        : this([task], what, value, where)
    {
    }

    /// <summary>A value of one of several tasks, or of all of them, is NaN or infinite.</summary>
    /// <param name="tasks">The tasks' names.</param>
    /// <param name="what">What is not finite: <c>loss</c>, <c>gradient</c> or <c>input</c>.</param>
    /// <param name="value">The value.</param>
    /// <param name="where">Where it happened, such as an epoch and a step; may be empty.</param>
    public NonFiniteException(IReadOnlyList<string> tasks, string what, double value, string where = "")
        : base($"{(tasks?.Count == 1 ? "Task" : "Tasks")} {TaskNames.List(tasks ?? [])}: the {what} should be finite. Found {value}{(where.Length == 0 ? "" : $" in {where}")}.")
    {
        Tasks = tasks ?? [];
        What = what;
        Value = value;
    }

    /// <summary>The task's name, or the names of several with commas between them.</summary>
    public string Task => string.Join(", ", Tasks);

    /// <summary>The tasks, any of which the value may come from; usually one.</summary>
    public IReadOnlyList<string> Tasks { get; }

    /// <summary>What is not finite: <c>loss</c>, <c>gradient</c>, <c>squared norm of the gradient</c> or <c>input</c>.</summary>
    public string What { get; }

    /// <summary>NaN or an infinity.</summary>
    public double Value { get; }

    internal NonFiniteException In(string where) => new(Tasks, What, Value, where);
}
