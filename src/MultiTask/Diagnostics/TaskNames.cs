namespace MultiTask.Diagnostics;

/// <summary>The rules of task names: not empty, no dot (they become parts of state keys), no name twice.</summary>
internal static class TaskNames
{
    public static Dictionary<string, int> Index(IReadOnlyList<string> tasks)
    {
        var index = new Dictionary<string, int>(tasks.Count, StringComparer.Ordinal);
        for (var i = 0; i < tasks.Count; i++)
        {
            if (!index.TryAdd(Checked(tasks[i]), i))
            {
                throw new ArgumentException($"Task names should be distinct. Found '{tasks[i]}' twice in {List(tasks)}.");
            }
        }

        return index;
    }

    public static string Checked(string task)
    {
        if (string.IsNullOrWhiteSpace(task))
        {
            throw new ArgumentException("A task name should not be empty.");
        }

        return task.Contains('.', StringComparison.Ordinal)
            ? throw new ArgumentException($"A task name should not contain a dot, because it becomes part of state keys. Found '{task}'.")
            : task;
    }

    /// <summary>Refuses no tasks at all.</summary>
    public static string[] Some(IEnumerable<string> tasks)
    {
        ArgumentNullException.ThrowIfNull(tasks);
        string[] some = [.. tasks];
        return some.Length > 0 ? some : throw new ArgumentException("There should be at least one task. Found none.", nameof(tasks));
    }

    /// <summary>Refuses tasks that a method was not built for.</summary>
    public static void ExpectKnown(IEnumerable<string> tasks, IReadOnlyCollection<string> known, string method)
    {
        var unknown = tasks.Where(task => !known.Contains(task)).ToArray();
        if (unknown.Length > 0)
        {
            throw new ArgumentException($"{method} was built for the tasks {List(known)}. Found {List(unknown)} as well.");
        }
    }

    public static string List(IEnumerable<string> tasks)
    {
        var quoted = string.Join(", ", tasks.Select(t => $"'{t}'"));
        return quoted.Length == 0 ? "none" : quoted;
    }
}
