namespace MultiTask.Training;

/// <summary>The mean loss of each task over all its labels, gathered batch by batch.</summary>
/// <remarks>The mean over many batches equals the loss of their union: a batch counts by the weight of its labels.</remarks>
internal sealed class LossSums
{
    private readonly OrderedDictionary<string, LossSum> tasks = new(StringComparer.Ordinal);

    /// <summary>Takes in the loss of a batch.</summary>
    public void Add(string task, double loss, LabelTotal total)
    {
        var sum = tasks.GetValueOrDefault(task) ?? new(task, 0, 0, 0);
        tasks[task] = new(task, sum.Sum + (loss * total.Weight), sum.Weight + total.Weight, sum.Labels + total.Count);
    }

    /// <summary>The tasks seen, in the model's order.</summary>
    public Evaluation ToEvaluation(TaskMap<LearningTask> order, Func<string, IReadOnlyList<MetricValue>> metrics)
    {
        var reports = TaskMap.Create(order.Tasks.Where(tasks.ContainsKey).Select(task => (task, Report(tasks[task]))));
        return new(reports, reports.Sum(r => order[r.Task].Weight * r.Value.Loss));

        TaskReport Report(LossSum sum) => new(sum.Sum / sum.Weight, sum.Labels, metrics(sum.Task));
    }

    public IReadOnlyList<LossSum> Save() => [.. tasks.Values];

    public void Restore(IEnumerable<LossSum> saved)
    {
        Clear();
        foreach (var sum in saved)
        {
            tasks[sum.Task] = sum;
        }
    }

    public void Clear() => tasks.Clear();
}

/// <summary>The losses of a task so far.</summary>
/// <param name="Task">The task's name.</param>
/// <param name="Sum">The sum of the losses of its labels, each times its weight.</param>
/// <param name="Weight">The sum of these weights.</param>
/// <param name="Labels">How many labels.</param>
internal sealed record LossSum(string Task, double Sum, double Weight, long Labels);
