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
        this.decay = Arguments.Fraction(decay, nameof(decay));
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
    /// <exception cref="ArgumentException">There is a task that the method was not built for, or a negative loss.</exception>
    /// <exception cref="NonFiniteException">A loss is 0: later ones could not be divided by it.</exception>
    public override TaskMap<Tensor> Transform(TaskMap<Tensor> losses)
    {
        ArgumentNullException.ThrowIfNull(losses);
        TaskNames.ExpectKnown(losses.Tasks, references.Tasks, nameof(RelativeLosses));
        var values = HostValues.Of(losses);
        PositiveLosses.ExpectInvertible(values, nameof(RelativeLosses));
        foreach (var (task, loss) in values)
        {
            var before = references[task][0];
            references[task] = [before == 0 ? loss : (decay * before) + ((1 - decay) * loss)];
        }

        return TransformAgain(losses);
    }

    /// <inheritdoc/>
    public override void Reset()
    {
        references.Clear();
        base.Reset();
    }

    /// <inheritdoc/>
    protected override TaskMap<Tensor> TransformAgain(TaskMap<Tensor> losses) => losses.Map((task, loss) => loss / references[task][0]);
}
