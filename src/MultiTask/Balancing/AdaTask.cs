using MultiTask.Diagnostics;
using static TorchSharp.torch;

namespace MultiTask.Balancing;

/// <summary>AdaTask: an adaptive optimizer's state for each task, so that no task's large gradients set the others' learning rate.</summary>
/// <remarks>
/// <para>
/// Yang et al., <i>AdaTask: A Task-aware Adaptive Learning Rate Approach to Multi-task Learning</i> (AAAI 2023): where Adam has
/// one m and one v for the sum of the gradients, each task has its own, and shared parameters move by −η Σᵢ mᵢ/(√vᵢ + ε).
/// What this balancer leaves in <c>.grad</c> of the shared parameters is that sum. So <b>they belong to plain SGD</b>,
/// without momentum, at the learning rate η that Adam would have; Adam on top would scale it a second time. With one task it
/// is that optimizer. Heads have one task each and keep their own gradient, for an optimizer of the same kind:
/// </para>
/// <code>
/// var shared = model.SharedParameters().ToList();
/// var heads = model.Tasks.Tasks.SelectMany(model.TaskParameters).ToList();
/// using var sgd = optim.SGD(shared, learningRate: 1e-3);
/// using var adam = optim.Adam(heads, lr: 1e-3);
/// </code>
/// <para>
/// With the trainer, which has one optimizer, SGD serves all parameters, with a group (and a rate) for the shared ones and
/// one for the heads: <c>new SGD.ParamGroup(shared, lr: 1e-3), new SGD.ParamGroup(heads, lr: 1e-1)</c>.
/// </para>
/// <para>
/// A task that is absent moves nothing and keeps its state, with a count of steps of its own for Adam's correction of the
/// start; in the authors' code all tasks are always there. It takes memory for two gradients a task (Adagrad, RMSProp: one).
/// </para>
/// </remarks>
public sealed class AdaTask : GradientAggregator
{
    private readonly AdaptiveRate rate;
    private readonly TaskVectors first;
    private readonly TaskVectors second;
    private readonly TaskMemory steps;

    /// <summary>AdaTask.</summary>
    /// <param name="tasks">All tasks that may come.</param>
    /// <param name="rate">Whose state each task has; <see cref="AdaptiveRate.Adam"/> by default.</param>
    /// <exception cref="ArgumentException">Names are not distinct.</exception>
    public AdaTask(IEnumerable<string> tasks, AdaptiveRate? rate = null)
        : base(nameof(AdaTask))
    {
        this.rate = rate ?? AdaptiveRate.Adam();
        first = new(tasks, nameof(AdaTask));
        second = new(first.Tasks, nameof(AdaTask));
        steps = new(first.Tasks, length: 1, initial: 0);
        RegisterComponents();
    }

    /// <summary>AdaTask.</summary>
    /// <param name="tasks">All tasks that may come.</param>
    /// <param name="rate">Whose state each task has; <see cref="AdaptiveRate.Adam"/> by default.</param>
    /// <exception cref="ArgumentException">Names are not distinct.</exception>
    public AdaTask(IEnumerable<LearningTask> tasks, AdaptiveRate? rate = null)
        : this(tasks.Select(t => t.Name), rate)
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
        var (tasks, g) = (jacobian.Tasks, jacobian.Matrix);
        TaskNames.ExpectKnown(tasks, first.Tasks, nameof(AdaTask));
        var m = g;
        if (rate.First > 0)
        {
            m = first.Rows(tasks, g).mul_(rate.First).add_(g, alpha: 1 - rate.First);
            first.Keep(tasks, m);
        }

        var v = second.Rows(tasks, g).mul_(rate.Second).addcmul_(g, g, value: rate.Added);
        second.Keep(tasks, v);
        var corrections = tasks.Select(Correction).ToArray();
        var denominator = (v / Column(Array.ConvertAll(corrections, c => c.Second), g)).sqrt_().add_(rate.Epsilon);
        return (m / Column(Array.ConvertAll(corrections, c => c.First), g)).div_(denominator).sum(dim: 0).MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    public override void Reset()
    {
        first.Clear();
        second.Clear();
        steps.Clear();
    }

    private (double First, double Second) Correction(string task)
    {
        var k = steps[task][0] + 1;
        steps[task] = [k];
        return rate.Correction(k);
    }

    private static Tensor Column(double[] values, Tensor like) =>
        tensor(values, dtype: ScalarType.Float64).to(like.dtype).to(like.device).unsqueeze(1);
}
