namespace MultiTask.Terminal;

/// <summary>What a <see cref="ComparisonTable"/> compares methods by.</summary>
/// <param name="Name">The heading.</param>
/// <param name="HigherIsBetter">Whether the best value is the largest; the default is false.</param>
/// <param name="Format">How a value is written, as in <see cref="double.ToString(string)"/>; the default is three decimals.</param>
public sealed record ComparisonColumn(string Name, bool HigherIsBetter = false, string Format = "0.000");
