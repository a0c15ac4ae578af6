namespace MultiTask.Training;

/// <summary>Means over labels, gathered batch by batch.</summary>
internal sealed class LossSums
{
    private readonly OrderedDictionary<string, (double Sum, long Labels)> tasks = new(StringComparer.Ordinal);

    public void Add(string task, double loss, long labels)
    {
        var (sum, count) = tasks.GetValueOrDefault(task);
        tasks[task] = (sum + (loss * labels), count + labels);
    }

    /// <summary>The tasks seen, in the model's order.</summary>
    public Evaluation ToEvaluation(TaskMap<LearningTask> order, Func<string, IReadOnlyList<MetricValue>> metrics)
    {
        var reports = TaskMap.Create(order.Tasks.Where(tasks.ContainsKey).Select(task => (task, Report(task))));
        return new(reports, reports.Sum(r => order[r.Task].Weight * r.Value.Loss));

        TaskReport Report(string task) => new(tasks[task].Sum / tasks[task].Labels, tasks[task].Labels, metrics(task));
    }

    public IReadOnlyList<LossSum> Save() => [.. tasks.Select(t => new LossSum(t.Key, t.Value.Sum, t.Value.Labels))];

    public void Restore(IEnumerable<LossSum> saved)
    {
        Clear();
        foreach (var (task, sum, labels) in saved)
        {
            tasks[task] = (sum, labels);
        }
    }

    public void Clear() => tasks.Clear();
}

/// <summary>The losses of a task so far.</summary>
/// <param name="Task">The task's name.</param>
/// <param name="Sum">The sum of the losses over its labels.</param>
/// <param name="Labels">How many labels.</param>
internal sealed record LossSum(string Task, double Sum, long Labels);
