using MultiTask.Diagnostics;
using MultiTask.Numerics;

namespace MultiTask.Balancing;

/// <summary>Group optimization for alignment: tasks whose risks are alike form a group and share its weight.</summary>
/// <remarks>
/// <para>
/// Shen et al., <i>GO4Align: Group Optimization for Multi-Task Alignment</i> (NeurIPS 2024). A task's risk indicator is aᵢ = sᵢ pᵢ:
/// sᵢ = Σ ℓ/ℓᵢ evens out the scales, and pᵢ ∝ pᵢ exp(−η ℓᵢ), uniform at first, remembers the losses so far. k-means makes K
/// groups of the indicators, and each task has its group's mean as its weight. As in the authors' code, from which the sign
/// of η is.
/// </para>
/// <para>
/// The groups are exact (dynamic programming on the line), not what k-means found from a random start. p is kept as its
/// logarithm, for it may fall below the range of a double. A task that is absent keeps its share of p; s, p and the groups are
/// those of the tasks that are there. Losses must be positive.
/// </para>
/// </remarks>
public sealed class GO4Align : LossWeighting
{
    private readonly int groups;
    private readonly double stepSize;
    private readonly TaskMemory log_risks;

    /// <summary>GO4Align.</summary>
    /// <param name="tasks">All tasks that may come.</param>
    /// <param name="groups">K, at least 1; 2 by default. With as many groups as tasks each has its own indicator.</param>
    /// <param name="stepSize">η ≥ 0; 1e-4 by default, as in the authors' code.</param>
    /// <exception cref="ArgumentException">An argument is out of its range, or names are not distinct.</exception>
    public GO4Align(IEnumerable<string> tasks, int groups = 2, double stepSize = 1e-4)
        : base(nameof(GO4Align))
    {
        this.groups = Arguments.AtLeastOne(groups, nameof(groups));
        this.stepSize = Arguments.NonNegative(stepSize, nameof(stepSize));
        log_risks = new(tasks, length: 1, initial: 0);
        RegisterComponents();
    }

    /// <summary>GO4Align.</summary>
    /// <param name="tasks">All tasks that may come.</param>
    /// <param name="groups">K, at least 1; 2 by default. With as many groups as tasks each has its own indicator.</param>
    /// <param name="stepSize">η ≥ 0; 1e-4 by default, as in the authors' code.</param>
    /// <exception cref="ArgumentException">An argument is out of its range, or names are not distinct.</exception>
    public GO4Align(IEnumerable<LearningTask> tasks, int groups = 2, double stepSize = 1e-4)
        : this(tasks.Select(t => t.Name), groups, stepSize)
    {
    }

    /// <inheritdoc/>
    /// <exception cref="ArgumentException">There is a task that the method was not built for, or a negative loss.</exception>
    /// <exception cref="NonFiniteException">A loss is 0, or so small beside the others that its indicator is infinite.</exception>
    public override double[] Weigh(TaskMap<double> losses)
    {
        ArgumentNullException.ThrowIfNull(losses);
        TaskNames.ExpectKnown(losses.Tasks, log_risks.Tasks, nameof(GO4Align));
        PositiveLosses.ExpectInvertible(losses, nameof(GO4Align));
        var p = Updated(losses);
        var sum = losses.Values.Sum();
        var next = 0;
        var indicators = losses.Map((task, loss) => sum / loss * p[next++] is var a && double.IsFinite(a) ? a : throw new NonFiniteException(task, "risk indicator", a));
        return LineKMeans.Solve(indicators.Values, groups).Means;
    }

    /// <inheritdoc/>
    public override void Reset() => log_risks.Clear();

    /// <summary>p, over the tasks that are there. What they have of it together does not change.</summary>
    private double[] Updated(TaskMap<double> losses)
    {
        var before = losses.Tasks.Select(task => log_risks[task][0]).ToArray();
        var after = losses.Values.Select((loss, i) => before[i] - (stepSize * loss)).ToArray();
        var shift = LogSum(before) - LogSum(after);
        for (var i = 0; i < after.Length; i++)
        {
            log_risks[losses.Tasks[i]] = [after[i] + shift];
        }

        return Softmax.Of(after);
    }

    private static double LogSum(double[] logs)
    {
        var max = logs.Max();
        return max + Math.Log(logs.Sum(v => Math.Exp(v - max)));
    }
}
