using MultiTask.Diagnostics;
using MultiTask.Numerics;
using static TorchSharp.torch;

namespace MultiTask.Balancing;

/// <summary>Each loss divided by its first value, or by a moving average, for any balancer: losses become comparable.</summary>
/// <remarks>
/// ℓ/e with e ← β e + (1 − β) ℓ, starting at the first loss of the task and held fixed in the gradient. With β = 1, the default, e stays the
/// first loss (the normalisation of GradNorm and of LDC-MTL); with less, the ratio stays near 1 and tells how the loss moves, as
/// the gradient of the log loss does. Losses must be positive. With several micro-batches each counts as a step. Looking at
/// losses after a step does not move the average.
/// </remarks>
public sealed class RelativeLosses : LossTransform
{
    private readonly double decay;
    private readonly TaskMemory references;

    /// <summary>The sum of the relative losses.</summary>
    /// <param name="tasks">All tasks that may come.</param>
    /// <param name="decay">β in [0, 1]: how much of the average is kept in a step; 1 by default, all of it.</param>
    /// <exception cref="ArgumentException">The decay is out of its range, or names are not distinct.</exception>
    public RelativeLosses(IEnumerable<string> tasks, double decay = 1)
        : this(tasks, new EqualWeights(), decay)
    {
    }

    /// <summary>Another balancer of the relative losses.</summary>
    /// <param name="tasks">All tasks that may come.</param>
    /// <param name="inner">The balancer of the relative losses. From here on it belongs to this one.</param>
    /// <param name="decay">β in [0, 1]: how much of the average is kept in a step; 1 by default, all of it.</param>
    /// <exception cref="ArgumentException">The decay is out of its range, or names are not distinct.</exception>
    public RelativeLosses(IEnumerable<string> tasks, Balancer inner, double decay = 1)
        : base(nameof(RelativeLosses), inner)
    {
        this.decay = decay is >= 0 and <= 1
            ? decay
            : throw new ArgumentOutOfRangeException(nameof(decay), $"`decay` should be in [0, 1]. Found {decay}.");
        references = new(tasks, length: 1, initial: 0);
        RegisterComponents();
    }

    /// <summary>The sum of the relative losses.</summary>
    /// <param name="tasks">All tasks that may come.</param>
    /// <param name="decay">β in [0, 1]: how much of the average is kept in a step; 1 by default, all of it.</param>
    /// <exception cref="ArgumentException">The decay is out of its range, or names are not distinct.</exception>
    public RelativeLosses(IEnumerable<LearningTask> tasks, double decay = 1)
        : this(tasks, new EqualWeights(), decay)
    {
    }

    /// <summary>Another balancer of the relative losses.</summary>
    /// <param name="tasks">All tasks that may come.</param>
    /// <param name="inner">The balancer of the relative losses. From here on it belongs to this one.</param>
    /// <param name="decay">β in [0, 1]: how much of the average is kept in a step; 1 by default, all of it.</param>
    /// <exception cref="ArgumentException">The decay is out of its range, or names are not distinct.</exception>
    public RelativeLosses(IEnumerable<LearningTask> tasks, Balancer inner, double decay = 1)
        : this(tasks.Select(t => t.Name), inner, decay)
    {
    }

    /// <inheritdoc/>
    /// <exception cref="ArgumentException">The method was not built for the task, or the loss is negative.</exception>
    /// <exception cref="NonFiniteException">The loss is 0: later ones could not be divided by it.</exception>
    public override Tensor Transform(string task, Tensor loss)
    {
        ArgumentNullException.ThrowIfNull(loss);
        TaskNames.ExpectKnown([task], references.Tasks, nameof(RelativeLosses));
        var value = HostValues.Of([(task, loss)]);
        PositiveLosses.ExpectInvertible(value, nameof(RelativeLosses));
        var before = references[task][0];
        references[task] = [before == 0 ? value[task] : (decay * before) + ((1 - decay) * value[task])];
        return Relative(task, loss);
    }

    /// <inheritdoc/>
    public override void EndStep(Func<TaskMap<Tensor>> losses) => Inner.EndStep(() => losses().Map(Relative));

    /// <inheritdoc/>
    public override void Reset()
    {
        references.Clear();
        base.Reset();
    }

    private Tensor Relative(string task, Tensor loss) => loss / references[task][0];
}
