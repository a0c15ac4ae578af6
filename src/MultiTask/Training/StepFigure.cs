namespace MultiTask.Training;

/// <summary>One number of a <see cref="StepRecord"/>.</summary>
/// <param name="Group">What it is: <c>weight</c>, <c>cosine</c>, <c>conflict_rate</c>, ….</param>
/// <param name="Key">
/// The task that it is of, or two tasks with a dot between them, which no task's name contains; empty for a figure of the step.
/// </param>
/// <param name="Value">The number, possibly infinite; <c>null</c> where the step has none.</param>
public readonly record struct StepFigure(string Group, string Key, double? Value)
{
    /// <summary>The name of a column or a TensorBoard tag: <c>weight/age</c>, <c>cosine/age.income</c>, <c>conflict_rate</c>.</summary>
    public string Name => Key.Length == 0 ? Group : $"{Group}/{Key}";
}
