namespace MultiTask.Sharing;

/// <summary>A copy of a stage, and the tasks that take it.</summary>
/// <param name="Tasks">At least one.</param>
/// <param name="Encoder">The copy.</param>
internal sealed record Branch(IReadOnlyList<string> Tasks, Encoder Encoder)
{
    /// <summary>The task's name, or <c>age_and_income</c>.</summary>
    public string Name => string.Join("_and_", Tasks);
}
