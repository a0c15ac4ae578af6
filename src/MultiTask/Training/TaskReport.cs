using MultiTask.Diagnostics;

namespace MultiTask.Training;

/// <summary>How one task did on some data.</summary>
/// <param name="Loss">The mean loss over the labels; NaN where there was none.</param>
/// <param name="Labels">How many labels there were.</param>
/// <param name="Metrics">The task's metrics, the primary one first; none where they were not asked for.</param>
public sealed record TaskReport(double Loss, long Labels, IReadOnlyList<MetricValue> Metrics)
{
    /// <summary>The value of a metric.</summary>
    /// <param name="metric">Its name.</param>
    /// <exception cref="KeyNotFoundException">There is no such metric; the message lists those there are.</exception>
    public double this[string metric] => Find(metric).Value;

    internal MetricValue Find(string metric) => Metrics.FirstOrDefault(m => m.Name == metric)
        ?? throw new KeyNotFoundException($"There is no metric '{metric}' here. Found: {TaskNames.List(Metrics.Select(m => m.Name))}.");
}
