using static TorchSharp.torch;

namespace MultiTask.Balancing;

/// <summary>
/// The loss that each task is measured against: its mean over one of the first epochs, or over its first steps. A task that
/// was not there then has that of the first epoch in which it is.
/// </summary>
internal sealed class BaseLosses : nn.Module
{
    private readonly TaskMemory memory;
    private readonly int epoch;
    private readonly int? steps;

    /// <param name="tasks">All tasks that may come.</param>
    /// <param name="epoch">The epoch whose mean is taken; 0 is the first.</param>
    /// <param name="steps">In place of an epoch: the number of a task's first steps whose mean is taken.</param>
    public BaseLosses(IEnumerable<string> tasks, int epoch, int? steps = null)
        : base(nameof(BaseLosses))
    {
        memory = new(tasks, length: 4, initial: 0);
        (this.epoch, this.steps) = (epoch, steps);
        RegisterComponents();
    }

    public IReadOnlyList<string> Tasks => memory.Tasks;

    /// <summary>A task's base loss, or <c>null</c> as long as it is not known.</summary>
    public double? this[string task] => Base.From(memory[task]) is { Mean: > 0 } known ? known.Mean : null;

    /// <summary>Takes in the losses of a step, all positive.</summary>
    public void Add(TaskMap<double> losses)
    {
        foreach (var (task, loss) in losses)
        {
            var known = Base.From(memory[task]);
            if (known.Mean == 0 && (steps is not null || known.Epochs >= epoch))
            {
                var more = known with { Sum = known.Sum + loss, Steps = known.Steps + 1 };
                memory[task] = (more.Steps == steps ? more.Fixed() : more).ToArray();
            }
        }
    }

    public void EndEpoch()
    {
        foreach (var task in memory.Tasks)
        {
            var known = Base.From(memory[task]);
            var ended = steps is null && known.Steps > 0 ? known.Fixed() : known;
            memory[task] = (ended with { Epochs = known.Epochs + 1 }).ToArray();
        }
    }

    public void Clear() => memory.Clear();

    /// <summary>The mean (0: not known yet), what it is gathered from, and the number of epochs that have ended.</summary>
    private readonly record struct Base(double Mean, double Sum, double Steps, double Epochs)
    {
        public static Base From(double[] a) => new(a[0], a[1], a[2], a[3]);

        public double[] ToArray() => [Mean, Sum, Steps, Epochs];

        public Base Fixed() => this with { Mean = Sum / Steps, Sum = 0, Steps = 0 };
    }
}
