using MultiTask.Diagnostics;
using static TorchSharp.torch;

namespace MultiTask.Balancing;

/// <summary>Weights on the simplex that a balancer remembers from step to step, by task.</summary>
/// <remarks>
/// In a batch that lacks tasks the others share the weight that they have together, so that who is absent neither gains nor
/// loses. What is stored is each weight times the number of tasks: 1 to begin with, also for a task that is added later.
/// </remarks>
internal sealed class SimplexMemory : nn.Module
{
    private readonly string method;
    private readonly TaskMemory weights;

    /// <param name="tasks">The tasks to remember.</param>
    /// <param name="method">What messages call the method.</param>
    public SimplexMemory(IEnumerable<string> tasks, string method)
        : base(nameof(SimplexMemory))
    {
        this.method = method;
        weights = new(tasks, length: 1, initial: 1);
        RegisterComponents();
    }

    /// <summary>The weights of some tasks, in their order, with the sum 1; equal where the absent ones have all the weight.</summary>
    /// <exception cref="ArgumentException">There is a task that the method was not built for.</exception>
    public double[] Of(IReadOnlyList<string> tasks)
    {
        TaskNames.ExpectKnown(tasks, weights.Tasks, method);
        double[] stored = [.. tasks.Select(task => weights[task][0])];
        var sum = stored.Sum();
        return sum > 0 ? Array.ConvertAll(stored, w => w / sum) : [.. tasks.Select(_ => 1.0 / tasks.Count)];
    }

    /// <summary>Remembers new weights of these tasks, with the sum 1.</summary>
    public void Keep(IReadOnlyList<string> tasks, double[] found)
    {
        var together = tasks.Sum(task => weights[task][0]);
        for (var i = 0; i < found.Length; i++)
        {
            weights[tasks[i]] = [found[i] * together];
        }
    }

    public void Clear() => weights.Clear();
}
