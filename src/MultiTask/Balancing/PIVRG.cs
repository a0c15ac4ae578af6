using MultiTask.Diagnostics;
using MultiTask.Numerics;

namespace MultiTask.Balancing;

/// <summary>PIVRG: <see cref="FairGrad"/> with α = 2, where tasks that do worse on validation data count for more.</summary>
/// <remarks>
/// <para>
/// Qin et al., <i>Revisiting Fairness in Multitask Learning: A Performance-Driven Approach for Variance Reduction</i> (CVPR 2025),
/// by the authors' code: with the drop Δᵢ of each task against a baseline, ω = m softmax(Δ/τ), τ = max((max Δ − min Δ) / ln(bound),
/// minTemp), and d = Σ wᵢgᵢ with Gw = (ω/w)^½. So no task counts more than <c>bound</c> times as much as another. Until drops
/// are known, ω = 1 and this is FairGrad with α = 2.
/// </para>
/// <para>
/// Drops are <b>in per cent, and positive where the task is worse than its baseline</b>, which is usually a network of its own:
/// −100 times the values of <see cref="DeltaM.Tasks"/>. They are asked for at <see cref="EndEpoch"/> and remembered in the state,
/// so that a run that is resumed goes on with them. The trainer calls it after it has validated and before its callbacks: a
/// function that evaluates by itself has drops of this epoch, one that gives what a callback kept has those of the epoch before.
/// In some of the authors' scripts Δ is of the test data; use validation data. Their code multiplies d by m and clips it to the
/// length 1; this class does not. ω is over the tasks of the batch. A gradient that is zero is left out and has the weight 0.
/// </para>
/// </remarks>
public sealed class PIVRG : GramianWeighting
{
    private readonly Func<TaskMap<double>> drops;
    private readonly double bound;
    private readonly double minTemp;
    private readonly TaskMemory memory;

    /// <summary>PIVRG.</summary>
    /// <param name="tasks">All tasks that may come.</param>
    /// <param name="drops">
    /// Gives the drop of each task against its baseline, in per cent, positive where it is worse; tasks that are not in the map keep the
    /// drop they had.
    /// </param>
    /// <param name="bound">How many times as much one task may count as another, > 1; the default is 2, that of the authors.</param>
    /// <param name="minTemp">The least temperature, > 0, in per cent; the default is 10, that of the authors.</param>
    /// <exception cref="ArgumentException">The bound is not above 1 or the temperature not positive, or names are not distinct.</exception>
    public PIVRG(IEnumerable<string> tasks, Func<TaskMap<double>> drops, double bound = 2, double minTemp = 10)
        : base(nameof(PIVRG))
    {
        ArgumentNullException.ThrowIfNull(tasks);
        ArgumentNullException.ThrowIfNull(drops);
        if (!(bound > 1) || !double.IsFinite(bound))
        {
            throw new ArgumentOutOfRangeException(nameof(bound), $"`bound` should be above 1 and finite. Found {bound}.");
        }

        (this.drops, this.bound, this.minTemp) = (drops, bound, Arguments.Positive(minTemp, nameof(minTemp)));
        memory = new(tasks, length: 1, initial: 0);
        RegisterComponents();
    }

    /// <summary>PIVRG.</summary>
    /// <param name="tasks">All tasks that may come.</param>
    /// <param name="drops">Gives the drop of each task against its baseline, as above.</param>
    /// <param name="bound">How many times as much one task may count as another, > 1; the default is 2.</param>
    /// <param name="minTemp">The least temperature, > 0, in per cent; the default is 10.</param>
    /// <exception cref="ArgumentException">The bound is not above 1 or the temperature not positive, or names are not distinct.</exception>
    public PIVRG(IEnumerable<LearningTask> tasks, Func<TaskMap<double>> drops, double bound = 2, double minTemp = 10)
        : this(tasks.Select(t => t.Name), drops, bound, minTemp)
    {
    }

    /// <inheritdoc/>
    /// <exception cref="ArgumentException">There is a task that the method was not built for.</exception>
    public override double[] Weigh(Gramian gramian)
    {
        ArgumentNullException.ThrowIfNull(gramian);
        TaskNames.ExpectKnown(gramian.Tasks, memory.Tasks, nameof(PIVRG));
        return Bargaining.Solve(gramian, Array.ConvertAll(Priorities(gramian.Tasks), Math.Sqrt), q: 0.5).Weights;
    }

    /// <summary>Asks for the drops.</summary>
    /// <exception cref="ArgumentException">A drop is NaN or infinite, or of a task that the method was not built for.</exception>
    public override void EndEpoch()
    {
        var found = drops();
        TaskNames.ExpectKnown(found.Tasks, memory.Tasks, nameof(PIVRG));
        foreach (var (task, drop) in found)
        {
            if (!double.IsFinite(drop))
            {
                throw new ArgumentException($"Task '{task}': the drop should be finite. Found {drop}.");
            }
        }

        foreach (var (task, drop) in found)
        {
            memory[task] = [drop];
        }
    }

    /// <inheritdoc/>
    public override void Reset() => memory.Clear();

    /// <summary>ω.</summary>
    private double[] Priorities(IReadOnlyList<string> tasks)
    {
        double[] delta = [.. tasks.Select(task => memory[task][0])];
        var temperature = Math.Max((delta.Max() - delta.Min()) / Math.Log(bound), minTemp);
        return Array.ConvertAll(Softmax.Of(Array.ConvertAll(delta, d => d / temperature)), share => share * delta.Length);
    }
}
