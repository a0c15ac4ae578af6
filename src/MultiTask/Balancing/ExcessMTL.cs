using MultiTask.Diagnostics;
using MultiTask.Numerics;
using static TorchSharp.torch;

namespace MultiTask.Balancing;

/// <summary>ExcessMTL: more weight to tasks that are far from their best loss, not to those whose labels are noise.</summary>
/// <remarks>
/// <para>
/// He et al., <i>Robust Multi-Task Learning with Excess Risks</i> (ICML 2024), eq. 6 to 9. How far a task's loss is above the
/// best it can be is estimated by a step of Newton's method with the curvature of Adagrad: Êᵢ = ½ gᵢᵀ diag(√Σ gᵢ²)⁻¹ gᵢ, where
/// the sum is over all steps so far. Then wᵢ ← wᵢ exp(η Êᵢ/Ê⁰ᵢ), from wᵢ = 1/m, scaled to the sum 1; the step goes along Σ wᵢ gᵢ.
/// Ê⁰ᵢ makes unlike tasks comparable: it is the mean of the task's first estimates, and until it is known, Êᵢ/Ê⁰ᵢ counts as 1.
/// </para>
/// <para>
/// The authors' code, and LibMTL after it, begins with weights 1 that sum to m, and adds 1e-7 below the root, which brings the
/// scale of the gradients back; here an entry that has always been 0 counts 0. There, heads are weighted as well; here, as on
/// all gradient rungs without a Gramian, they are not. A task whose gradient is zero has not been measured. Absent tasks keep
/// their weight; the others share the one that they have together.
/// </para>
/// </remarks>
public sealed class ExcessMTL : GradientAggregator
{
    private const double Least = -700; // of a log weight: a task can always come back

    private readonly double step;
    private readonly int warmUp;
    private readonly TaskVectors roots; // √Σ g²
    private readonly TaskMemory memory; // the log weight, the sum of the first estimates, their number

    /// <summary>ExcessMTL.</summary>
    /// <param name="tasks">All tasks that may come.</param>
    /// <param name="step">η > 0: the step size of the weights' logarithms; the default is 0.01, that of the authors' code.</param>
    /// <param name="warmUp">
    /// How many of a task's first estimates make Ê⁰, ≥ 1. The default is 1, as in the authors' code; the paper (appendix C.1)
    /// takes those of the first three epochs.
    /// </param>
    /// <exception cref="ArgumentException">An argument is out of its range, or names are not distinct.</exception>
    public ExcessMTL(IEnumerable<string> tasks, double step = 0.01, int warmUp = 1)
        : base(nameof(ExcessMTL))
    {
        this.step = Arguments.Positive(step, nameof(step));
        this.warmUp = Arguments.AtLeastOne(warmUp, nameof(warmUp));
        roots = new(tasks, nameof(ExcessMTL));
        memory = new(roots.Tasks, length: 3, initial: 0);
        RegisterComponents();
    }

    /// <summary>ExcessMTL.</summary>
    /// <param name="tasks">All tasks that may come.</param>
    /// <param name="step">η > 0: the step size of the weights' logarithms; the default is 0.01, that of the authors' code.</param>
    /// <param name="warmUp">
    /// How many of a task's first estimates make Ê⁰, ≥ 1. The default is 1, as in the authors' code; the paper (appendix C.1)
    /// takes those of the first three epochs.
    /// </param>
    /// <exception cref="ArgumentException">An argument is out of its range, or names are not distinct.</exception>
    public ExcessMTL(IEnumerable<LearningTask> tasks, double step = 0.01, int warmUp = 1)
        : this(tasks.Select(t => t.Name), step, warmUp)
    {
    }

    /// <inheritdoc/>
    public override bool RemembersGradients => true;

    /// <inheritdoc/>
    /// <exception cref="ArgumentException">There is a task that the method was not built for.</exception>
    public override Tensor Aggregate(Jacobian jacobian)
    {
        ArgumentNullException.ThrowIfNull(jacobian);
        using var scope = NewDisposeScope();
        var risks = Risks(jacobian);
        double[] before = [.. jacobian.Tasks.Select(task => memory[task][0])];
        double[] after = [.. jacobian.Tasks.Select((task, i) => before[i] + (step * Relative(task, risks[i])))];
        var (together, sum) = (LogSum(before), LogSum(after));
        for (var i = 0; i < after.Length; i++)
        {
            memory[jacobian.Tasks[i]] = [Math.Max(after[i] - sum + together, Least), .. memory[jacobian.Tasks[i]][1..]];
        }

        LastWeights = TaskMap.Create(jacobian.Tasks.Zip(Softmax.Of(after)));
        return jacobian.Combine(LastWeights.Values).MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    public override void Reset()
    {
        roots.Clear();
        memory.Clear();
    }

    /// <summary>Ê of each task. The root itself is what is added to: squares may leave the range of float32.</summary>
    private double[] Risks(Jacobian jacobian)
    {
        var g = jacobian.Matrix;
        var root = hypot(roots.Rows(jacobian.Tasks, g), g);
        roots.Keep(jacobian.Tasks, root);
        var terms = g * (g / root).nan_to_num(0); // 0 / 0 where the entry has always been 0
        return Array.ConvertAll(HostValues.Of(terms.sum(1, type: ScalarType.Float64)), sum => 0.5 * sum);
    }

    /// <summary>Ê/Ê⁰, or 1 while Ê⁰ is not known.</summary>
    private double Relative(string task, double risk)
    {
        var known = memory[task];
        var (sum, count) = (known[1], known[2]);
        if (count >= warmUp)
        {
            return Math.Min(risk / (sum / count), 1e300 / step);
        }

        if (risk > 0)
        {
            memory[task] = [known[0], sum + risk, count + 1];
        }

        return 1;
    }

    private static double LogSum(double[] logs)
    {
        var largest = logs.Max();
        return largest + Math.Log(logs.Sum(v => Math.Exp(v - largest)));
    }
}
