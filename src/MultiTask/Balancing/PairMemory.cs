using MultiTask.Diagnostics;
using static TorchSharp.torch;

namespace MultiTask.Balancing;

/// <summary>
/// A number for each ordered pair of tasks that a balancer remembers from step to step: buffers named by one task, then the
/// other, so that a checkpoint finds them whatever the order of the tasks, and when tasks have been added.
/// </summary>
internal sealed class PairMemory : nn.Module
{
    private readonly Dictionary<string, TaskMemory> rows;

    /// <param name="tasks">The tasks to remember pairs of.</param>
    /// <param name="initial">What a pair's number is before anything was remembered.</param>
    public PairMemory(IEnumerable<string> tasks, double initial)
        : base(nameof(PairMemory))
    {
        Tasks = [.. tasks];
        TaskNames.Index(Tasks);
        rows = Tasks.ToDictionary(task => task, task => new TaskMemory(Tasks.Where(other => other != task), length: 1, initial), StringComparer.Ordinal);
        foreach (var task in Tasks)
        {
            register_module(task, rows[task]);
        }
    }

    public IReadOnlyList<string> Tasks { get; }

    public double this[string task, string other]
    {
        get => rows[task][other][0];
        set => rows[task][other] = [value];
    }

    public void Clear()
    {
        foreach (var row in rows.Values)
        {
            row.Clear();
        }
    }
}
