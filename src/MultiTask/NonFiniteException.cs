namespace MultiTask;

/// <summary>A loss or a gradient is NaN or infinite.</summary>
/// <remarks>No parameter has been changed. The trainer adds the epoch and the step to the message.</remarks>
public sealed class NonFiniteException : ArithmeticException
{
    /// <summary>A value of a task is NaN or infinite.</summary>
    /// <param name="task">The task's name.</param>
    /// <param name="what">What is not finite: <c>loss</c>, <c>gradient</c>, or <c>squared norm of the gradient</c>.</param>
    /// <param name="value">The value.</param>
    /// <param name="where">Where it happened, such as an epoch and a step; may be empty.</param>
    public NonFiniteException(string task, string what, double value, string where = "")
        : base($"Task '{task}': the {what} should be finite. Found {value}{(where.Length == 0 ? "" : $" in {where}")}.")
    {
        Task = task;
        What = what;
        Value = value;
    }

    /// <summary>The task's name.</summary>
    public string Task { get; }

    /// <summary>What is not finite: <c>loss</c>, <c>gradient</c>, or <c>squared norm of the gradient</c>.</summary>
    public string What { get; }

    /// <summary>NaN or an infinity.</summary>
    public double Value { get; }
}
