using MultiTask.Diagnostics;

namespace MultiTask.Balancing;

/// <summary>The best loss that each task could reach by itself, or a bound of it: 0 where nothing was said.</summary>
internal sealed class IdealPoint
{
    private readonly TaskMap<double>? given;
    private readonly string method;

    /// <param name="given">A finite number for every task that will come, or <c>null</c>.</param>
    /// <param name="method">What messages call the method.</param>
    /// <exception cref="ArgumentException">One is not finite.</exception>
    public IdealPoint(TaskMap<double>? given, string method)
    {
        foreach (var (task, value) in given ?? [])
        {
            if (!double.IsFinite(value))
            {
                throw new ArgumentException($"Task '{task}': its ideal loss should be finite. Found {value}.", nameof(given));
            }
        }

        (this.given, this.method) = (given, method);
    }

    /// <summary>The ideal losses of some tasks, in their order.</summary>
    /// <exception cref="ArgumentException">Ideal losses were given, but none for one of the tasks.</exception>
    public double[] Of(IReadOnlyList<string> tasks)
    {
        if (given is null)
        {
            return new double[tasks.Count];
        }

        TaskNames.ExpectKnown(tasks, given.Tasks, method);
        return [.. tasks.Select(task => given[task])];
    }
}
