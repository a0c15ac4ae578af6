namespace MultiTask.Sharing;

/// <summary>How one layer of a trunk mixes its parts: one row for each of its outputs, one column for each of its parts.</summary>
/// <param name="Name">Which layer, in the words of the state keys, such as <c>gates</c> or <c>levels.0</c>.</param>
/// <param name="Rows">What takes: usually the tasks.</param>
/// <param name="Columns">What is taken from: experts, or the tasks' towers.</param>
/// <param name="Values">The weight of each column in each row.</param>
public sealed record Mixture(string Name, IReadOnlyList<string> Rows, IReadOnlyList<string> Columns, double[,] Values);
