namespace MultiTask.Training;

/// <summary>The value of a metric.</summary>
/// <param name="Name">The metric's name: <c>rmse</c>, <c>accuracy</c>, …</param>
/// <param name="Value">The value; NaN where it is not defined.</param>
/// <param name="HigherIsBetter">Whether a higher value is a better one.</param>
public sealed record MetricValue(string Name, double Value, bool HigherIsBetter);
