using MultiTask.Training;

namespace MultiTask.Diagnostics;

/// <summary>
/// The mean relative improvement over a baseline, Δm: for each task the relative change of its metric, signed so that
/// <b>positive is better</b>, and the mean over the tasks.
/// </summary>
/// <remarks>
/// Maninis, Radosavovic and Kokkinos, <i>Attentive Single-Tasking of Multiple Tasks</i> (CVPR 2019), eq. 4:
/// Δm = (1/T) Σ (−1)^l (Mₘ − M_b) / |M_b|, with l = 1 where lower is better. A task counts by its primary metric, so no task weighs
/// more for having more metrics. Mind the sign: Nash-MTL, FAMO and FairGrad print the negative. A baseline near 0
/// dominates the mean; read the tasks' own values beside it.
/// </remarks>
/// <param name="Tasks">Each task's relative improvement: 0.05 is 5 % better.</param>
public sealed record DeltaM(TaskMap<double> Tasks)
{
    /// <summary>The mean over the tasks.</summary>
    public double Mean => Tasks.Values.Average();

    /// <summary>How many tasks are worse than the baseline: where transfer is negative.</summary>
    public int Worse => Tasks.Values.Count(v => v < 0);

    /// <summary>The improvement of an evaluation over a baseline.</summary>
    /// <param name="evaluation">What is judged.</param>
    /// <param name="baseline">What it is compared with, on the same data, for the same tasks.</param>
    /// <param name="metric">Which metric; without, each task's first.</param>
    /// <exception cref="ArgumentException">The two are not of the same tasks.</exception>
    /// <exception cref="KeyNotFoundException">A task lacks the metric.</exception>
    public static DeltaM Of(Evaluation evaluation, Evaluation baseline, string? metric = null)
    {
        ArgumentNullException.ThrowIfNull(evaluation);
        ArgumentNullException.ThrowIfNull(baseline);
        if (!evaluation.Tasks.Tasks.ToHashSet(StringComparer.Ordinal).SetEquals(baseline.Tasks.Tasks))
        {
            throw new ArgumentException($"An evaluation should be of the baseline's tasks {TaskNames.List(baseline.Tasks.Tasks)}. Found {TaskNames.List(evaluation.Tasks.Tasks)}.", nameof(evaluation));
        }

        return new(evaluation.Tasks.Map((task, report) => Relative(Value(report, metric), Value(baseline[task], metric))));
    }

    private static MetricValue Value(TaskReport report, string? metric) =>
        metric is not null ? report.Find(metric)
        : report.Metrics.Count > 0 ? report.Metrics[0]
        : new("loss", report.Loss, HigherIsBetter: false);

    private static double Relative(MetricValue value, MetricValue baseline)
    {
        var change = (value.Value - baseline.Value) / Math.Abs(baseline.Value);
        return value.HigherIsBetter ? change : -change;
    }
}
