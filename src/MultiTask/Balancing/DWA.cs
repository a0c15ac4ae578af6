using MultiTask.Diagnostics;

namespace MultiTask.Balancing;

/// <summary>Dynamic weight average: a task whose loss fell less over the last two epochs gets more weight.</summary>
/// <remarks>
/// Liu et al., <i>End-to-End Multi-Task Learning with Attention</i> (CVPR 2019), eq. 7: wₖ = K·softmax(rₖ/T) with
/// rₖ = Lₖ(t−1)/Lₖ(t−2), the ratio of the mean losses of the last two epochs. A task has r = 1 until it has been seen in
/// two epochs. Weights sum to K over all K tasks the method was built for. The clock is <see cref="EndEpoch"/>: the
/// trainer calls it; in a loop of your own, call it after each epoch, or after as many steps as you want to average over.
/// </remarks>
public sealed class DWA : LossWeighting
{
    private readonly double temperature;
    private readonly TaskMemory epochs;

    /// <summary>Dynamic weight average.</summary>
    /// <param name="tasks">All tasks that may come.</param>
    /// <param name="temperature">T > 0: the higher, the more even the weights; the paper's default is 2.</param>
    /// <exception cref="ArgumentException">The temperature is not positive, or names are not distinct.</exception>
    public DWA(IEnumerable<string> tasks, double temperature = 2)
        : base(nameof(DWA))
    {
        this.temperature = Arguments.Positive(temperature, nameof(temperature));
        epochs = new(tasks, length: 4, initial: 0);
        RegisterComponents();
    }

    /// <summary>Dynamic weight average.</summary>
    /// <param name="tasks">All tasks that may come.</param>
    /// <param name="temperature">T > 0: the higher, the more even the weights; the paper's default is 2.</param>
    /// <exception cref="ArgumentException">The temperature is not positive, or names are not distinct.</exception>
    public DWA(IEnumerable<LearningTask> tasks, double temperature = 2)
        : this(tasks.Select(t => t.Name), temperature)
    {
    }

    /// <inheritdoc/>
    /// <exception cref="ArgumentException">There is a task that the method was not built for, or a negative loss.</exception>
    public override double[] Weigh(TaskMap<double> losses)
    {
        ArgumentNullException.ThrowIfNull(losses);
        TaskNames.ExpectKnown(losses.Tasks, epochs.Tasks, nameof(DWA));
        foreach (var (task, loss) in losses)
        {
            if (loss < 0)
            {
                throw new ArgumentException($"Task '{task}': DWA compares losses by their ratio and needs them non-negative. Found {loss}.");
            }
        }

        var seen = TaskMap.Create(epochs.Tasks.Select(task => (task, Epoch.From(epochs[task]))));
        foreach (var (task, loss) in losses)
        {
            epochs[task] = (seen[task] with { Sum = seen[task].Sum + loss, Steps = seen[task].Steps + 1 }).ToArray();
        }

        var share = Softmax.Of([.. seen.Values.Select(e => e.Ratio / temperature)]);
        var weights = seen.Tasks.Zip(share).ToDictionary(p => p.First, p => p.Second * share.Length, StringComparer.Ordinal);
        return [.. losses.Tasks.Select(task => weights[task])];
    }

    /// <inheritdoc/>
    public override void EndEpoch()
    {
        foreach (var task in epochs.Tasks)
        {
            epochs[task] = Epoch.From(epochs[task]).Ended().ToArray();
        }
    }

    /// <inheritdoc/>
    public override void Reset() => epochs.Clear();

    /// <summary>A task's mean losses of the last epoch and the one before (0: not seen), and this epoch's sum so far.</summary>
    private readonly record struct Epoch(double Last, double BeforeLast, double Sum, double Steps)
    {
        public double Ratio => BeforeLast == 0 ? 1 : Last / BeforeLast;

        public static Epoch From(double[] a) => new(a[0], a[1], a[2], a[3]);

        public double[] ToArray() => [Last, BeforeLast, Sum, Steps];

        /// <summary>An epoch without the task leaves what is known of it.</summary>
        public Epoch Ended() => Steps == 0 ? this : new(Sum / Steps, Last, 0, 0);
    }
}
