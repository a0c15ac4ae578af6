using MultiTask.Diagnostics;

namespace MultiTask.Balancing;

/// <summary>How much each task counts for its user, relative to the others; the same for all where nothing was said.</summary>
internal sealed class Preferences
{
    private readonly TaskMap<double>? given;
    private readonly string method;

    /// <param name="given">A positive, finite number for every task that will come, or <c>null</c>.</param>
    /// <param name="method">What messages call the method.</param>
    /// <exception cref="ArgumentException">One is not positive and finite.</exception>
    public Preferences(TaskMap<double>? given, string method)
    {
        foreach (var (task, value) in given ?? [])
        {
            if (!(value > 0) || !double.IsFinite(value))
            {
                throw new ArgumentException($"Task '{task}': its preference should be positive and finite. Found {value}.", nameof(given));
            }
        }

        (this.given, this.method) = (given, method);
    }

    /// <summary>The preferences of some tasks, in their order, with the sum 1: only their ratios count.</summary>
    /// <exception cref="ArgumentException">Preferences were given, but none for one of the tasks.</exception>
    public double[] Of(IReadOnlyList<string> tasks)
    {
        if (given is null)
        {
            return [.. tasks.Select(_ => 1.0 / tasks.Count)];
        }

        TaskNames.ExpectKnown(tasks, given.Tasks, method);
        var sum = tasks.Sum(task => given[task]);
        return [.. tasks.Select(task => given[task] / sum)];
    }
}
