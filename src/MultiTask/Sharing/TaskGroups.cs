using MultiTask.Diagnostics;

namespace MultiTask.Sharing;

/// <summary>Tasks in groups: each in one.</summary>
internal static class TaskGroups
{
    /// <summary>The groups as said; without, each task is one.</summary>
    /// <exception cref="ArgumentException">A group is empty, or a task is not in one group.</exception>
    public static string[][] Checked(IReadOnlyList<string> tasks, IEnumerable<IEnumerable<string>>? groups)
    {
        string[][] found = [.. (groups ?? tasks.Select(task => new[] { task })).Select(group => group.ToArray())];
        return found.All(group => group.Length > 0) && found.SelectMany(group => group).Order(StringComparer.Ordinal).SequenceEqual(tasks.Order(StringComparer.Ordinal))
            ? found
            : throw new ArgumentException(
                $"`groups` should have each of the tasks {TaskNames.List(tasks)} once, and none should be empty. Found {string.Join("; ", found.Select(TaskNames.List))}.",
                nameof(groups));
    }

    /// <summary>What is left of each group within each other group: tasks that are together in both.</summary>
    public static string[][] Meet(IEnumerable<string[]> groups, string[][] others) =>
        [.. from one in groups from other in others let both = one.Intersect(other, StringComparer.Ordinal).ToArray() where both.Length > 0 select both];
}
