using static TorchSharp.torch;

namespace MultiTask.Balancing;

/// <summary>
/// A number for each task that a method learns by Adam (Kingma and Ba, ICLR 2015), at a rate of its own: buffers, because
/// the optimizer of the network has no part in it. A task that is absent keeps its number and its averages.
/// </summary>
internal sealed class TaskAdam : nn.Module
{
    private const double Beta1 = 0.9;
    private const double Beta2 = 0.999;
    private const double Epsilon = 1e-8;
    private readonly double initial;
    private readonly double rate;

    /// <summary>How far the number has moved, the averages of its gradient and of its square, and how many steps it has made.</summary>
    private readonly TaskMemory state;

    /// <param name="tasks">The tasks.</param>
    /// <param name="initial">Where each number begins.</param>
    /// <param name="rate">The learning rate.</param>
    public TaskAdam(IEnumerable<string> tasks, double initial, double rate)
        : base(nameof(TaskAdam))
    {
        (this.initial, this.rate) = (initial, rate);
        state = new(tasks, length: 4, initial: 0);
        RegisterComponents();
    }

    public IReadOnlyList<string> Tasks => state.Tasks;

    /// <summary>The numbers of some tasks, in their order.</summary>
    public double[] Of(IReadOnlyList<string> tasks) => [.. tasks.Select(task => initial + state[task][0])];

    /// <summary>Makes a step against the gradients of some tasks' numbers.</summary>
    public void Step(IReadOnlyList<string> tasks, IReadOnlyList<double> gradients)
    {
        for (var i = 0; i < tasks.Count; i++)
        {
            var (moved, mean, square, steps, gradient) = (state[tasks[i]][0], state[tasks[i]][1], state[tasks[i]][2], state[tasks[i]][3] + 1, gradients[i]);
            mean = (Beta1 * mean) + ((1 - Beta1) * gradient);
            square = (Beta2 * square) + ((1 - Beta2) * gradient * gradient);
            var root = Math.Sqrt(square / (1 - Math.Pow(Beta2, steps))) + Epsilon;
            state[tasks[i]] = [moved - (rate * mean / (1 - Math.Pow(Beta1, steps)) / root), mean, square, steps];
        }
    }

    /// <summary>Replaces the numbers of some tasks, and leaves the averages.</summary>
    public void Put(IReadOnlyList<string> tasks, IReadOnlyList<double> values)
    {
        for (var i = 0; i < tasks.Count; i++)
        {
            state[tasks[i]] = [values[i] - initial, .. state[tasks[i]][1..]];
        }
    }

    public void Clear() => state.Clear();
}
