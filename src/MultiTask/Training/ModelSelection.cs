using MultiTask.Diagnostics;

namespace MultiTask.Training;

/// <summary>Says how good the model is after an epoch, from its report on validation data: for early stopping and for keeping the best.</summary>
public abstract class ModelSelection
{
    /// <summary>By the total validation loss, the lower the better: the default.</summary>
    public static ModelSelection TotalLoss { get; } = By(report => -Validated(report).TotalLoss);

    /// <summary>By one metric of one task.</summary>
    /// <param name="task">The task's name.</param>
    /// <param name="metric">The metric's name.</param>
    public static ModelSelection Metric(string task, string metric)
    {
        ArgumentNullException.ThrowIfNull(task);
        ArgumentNullException.ThrowIfNull(metric);
        return new Function(Score, tasks => ExpectMetric(tasks, task, metric));

        double Score(EpochReport report)
        {
            var value = Validated(report)[task].Find(metric);
            return value.HigherIsBetter ? value.Value : -value.Value;
        }
    }

    /// <summary>By the mean relative improvement Δm over a baseline: <see cref="DeltaM"/>.</summary>
    /// <param name="baseline">What the baseline reaches on the same validation data, such as the single-task networks.</param>
    public static ModelSelection MeanRelativeImprovement(Evaluation baseline)
    {
        ArgumentNullException.ThrowIfNull(baseline);
        return new Function(
            report => DeltaM.Of(Validated(report), baseline).Mean,
            tasks => ExpectTasks(tasks, baseline.Tasks.Tasks));
    }

    /// <summary>By a function of the report.</summary>
    /// <param name="score">The score; higher is better, NaN is never best.</param>
    public static ModelSelection By(Func<EpochReport, double> score)
    {
        ArgumentNullException.ThrowIfNull(score);
        return new Function(score);
    }

    /// <summary>The score of an epoch.</summary>
    /// <param name="report">What came of the epoch.</param>
    /// <returns>Higher is better; NaN is never best.</returns>
    public abstract double Score(EpochReport report);

    /// <summary>Finds before the first step whether there is what is asked for.</summary>
    /// <param name="tasks">The model's tasks of which the validation data may have labels.</param>
    internal virtual void Check(TaskMap<LearningTask> tasks)
    {
    }

    private static Evaluation Validated(EpochReport report) => report.Validation
        ?? throw new InvalidOperationException("Model selection by validation needs validation data. Found none in the report.");

    private static void ExpectTasks(TaskMap<LearningTask> tasks, IReadOnlyList<string> expected)
    {
        if (expected.Any(task => !tasks.Contains(task)))
        {
            throw new ArgumentException($"Selection is by the tasks {TaskNames.List(expected)}, which model and validation data should have. Found {TaskNames.List(tasks.Tasks)}.");
        }
    }

    private static void ExpectMetric(TaskMap<LearningTask> tasks, string task, string metric)
    {
        ExpectTasks(tasks, [task]);
        var known = tasks[task].FreshMetrics().Select(m => m.Name).ToArray();
        if (!known.Contains(metric))
        {
            throw new ArgumentException($"Task '{task}': selection is by its metric '{metric}', which it has not. Found {TaskNames.List(known)}.");
        }
    }

    private sealed class Function(Func<EpochReport, double> score, Action<TaskMap<LearningTask>>? check = null) : ModelSelection
    {
        public override double Score(EpochReport report) => score(report);

        internal override void Check(TaskMap<LearningTask> tasks) => check?.Invoke(tasks);
    }
}
