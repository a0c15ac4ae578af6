using MultiTask.Diagnostics;
using static TorchSharp.torch;

namespace MultiTask.Balancing;

/// <summary>M-ConFIG: ConFIG on averages of the gradients, of which each step renews only one: about the price of a sum.</summary>
/// <remarks>
/// <para>
/// Liu, Chu and Thuerey, <i>ConFIG: Towards Conflict-free Training of Physics Informed Neural Networks</i> (ICLR 2025), algorithm 1. In
/// step t one task is differentiated, the one whose turn is the longest ago: mᵢ ← β₁ mᵢ + (1 − β₁) gᵢ, its tᵢ-th time. Then
/// d = 𝒢(m₁ / (1 − β₁^t₁), …), with 𝒢 <see cref="ConFIG"/>, or as in the authors' code any other method of inner products. The
/// gradient is d / (√v̂ + ε), as Adam's: v is the average, with β₂, of the squares of c = (d (1 − β₁^t) − d′ (1 − β₁^(t−1)) β₁) /
/// (1 − β₁), the gradient whose average d would be, d′ being that of the step before; ε = 1e-8. The authors advise plain SGD.
/// </para>
/// <para>
/// <b>Where we differ.</b> The authors' code stands still until each task had its turn. Here a task that comes for the first time has
/// its gradient computed beside the others', so that a first step costs m passes, and no task keeps training waiting. A task that
/// the batch lacks stays in d with the average that is remembered of it. Heads are trained in every step, by one more backward pass
/// through the sum of the other losses; <see cref="TrainEveryHead"/> turns that off.
/// </para>
/// <para>
/// <see cref="Balancer.LastGramian"/> and <see cref="Balancer.LastWeights"/> are those of the averages, for all tasks
/// seen so far. There are m + 2 vectors of the length of the shared parameters to remember.
/// </para>
/// </remarks>
public sealed class MConFIG : Balancer
{
    private const double Epsilon = 1e-8;
    private const string Momentum = "momentum";
    private const string Square = "square";
    private readonly double beta1;
    private readonly double beta2;
    private readonly GramianWeighting inner;
    private readonly TaskVectors momenta;
    private readonly TaskMemory turns; // of each task: how often it had its turn, and in which step the last time
    private readonly TaskVectors combined; // d (1 − β₁^t), and v

    /// <summary>M-ConFIG.</summary>
    /// <param name="tasks">All tasks that may come.</param>
    /// <param name="inner">What combines the averages; by default <see cref="ConFIG"/>. From here on it belongs to this one.</param>
    /// <param name="beta1">β₁ in [0, 1): the part of an average that stays; the paper's default is 0.9.</param>
    /// <param name="beta2">β₂ in [0, 1): the same of the squares; the paper's default is 0.999.</param>
    /// <exception cref="ArgumentException">A β is not in [0, 1), or names are not distinct.</exception>
    public MConFIG(IEnumerable<string> tasks, GramianWeighting? inner = null, double beta1 = 0.9, double beta2 = 0.999)
        : base(nameof(MConFIG))
    {
        this.beta1 = Arguments.Part(beta1, nameof(beta1));
        this.beta2 = Arguments.Part(beta2, nameof(beta2));
        this.inner = inner ?? new ConFIG();
        string[] names = [.. tasks];
        momenta = new(names, nameof(MConFIG));
        turns = new(names, length: 2, initial: 0);
        combined = new([Momentum, Square], nameof(MConFIG));
        RegisterComponents();
    }

    /// <summary>M-ConFIG.</summary>
    /// <param name="tasks">All tasks that may come.</param>
    /// <param name="inner">What combines the averages; by default <see cref="ConFIG"/>. From here on it belongs to this one.</param>
    /// <param name="beta1">β₁ in [0, 1): the part of an average that stays; the paper's default is 0.9.</param>
    /// <param name="beta2">β₂ in [0, 1): the same of the squares; the paper's default is 0.999.</param>
    /// <exception cref="ArgumentException">A β is not in [0, 1), or names are not distinct.</exception>
    public MConFIG(IEnumerable<LearningTask> tasks, GramianWeighting? inner = null, double beta1 = 0.9, double beta2 = 0.999)
        : this(tasks.Select(t => t.Name), inner, beta1, beta2)
    {
    }

    /// <summary>What combines the averages.</summary>
    public GramianWeighting Inner => inner;

    /// <summary>
    /// Whether the heads of all tasks get their gradient in each step, by one more backward pass; the default. Where tasks have no
    /// parameters of their own, as in the paper, without it a step costs one pass. A parameter that the losses of this
    /// turn do not reach then has no gradient.
    /// </summary>
    public bool TrainEveryHead { get; init; } = true;

    /// <inheritdoc/>
    public override bool RemembersGradients => true;

    /// <inheritdoc/>
    public override void EndStep(Func<TaskMap<Tensor>> losses) => inner.EndStep(losses);

    /// <inheritdoc/>
    public override void EndEpoch() => inner.EndEpoch();

    /// <inheritdoc/>
    public override void Reset()
    {
        inner.Reset();
        momenta.Clear();
        turns.Clear();
        combined.Clear();
    }

    /// <inheritdoc/>
    protected internal override void Differentiate(IEnumerable<MicroBatchLosses> microBatches, IReadOnlyList<Tensor> shared)
    {
        ArgumentNullException.ThrowIfNull(microBatches);
        ArgumentNullException.ThrowIfNull(shared);
        using var scope = NewDisposeScope();
        var rows = new JacobianRows(shared, othersToo: true);
        if (!Gather(microBatches, rows, shared.Count) || shared.Count == 0)
        {
            return;
        }

        var jacobian = rows.ToJacobian().Finite();
        var step = turns.Tasks.Max(task => turns[task][1]) + 1;
        Remember(jacobian, step);
        rows.Write(Normalized(inner.Aggregate(Averages(jacobian)), step));
        (LastWeights, LastGramian) = (inner.LastWeights, inner.LastGramian);
    }

    /// <summary>The gradients of the tasks whose turn it is, and the heads' of the others; false without any batch.</summary>
    private bool Gather(IEnumerable<MicroBatchLosses> microBatches, JacobianRows rows, int leaves)
    {
        IReadOnlyList<string>? turn = null;
        using var sequence = microBatches.GetEnumerator();
        while (true)
        {
            using var scope = NewDisposeScope();
            if (!sequence.MoveNext())
            {
                return turn is not null;
            }

            var batch = sequence.Current;
            turn ??= leaves == 0 ? batch.Order : Turn(batch.Order);
            var (own, others) = (Part(batch, turn.Contains), Part(batch, task => !turn.Contains(task)));
            others = TrainEveryHead ? others : null;
            if (own is not null)
            {
                rows.Add(own, retainGraph: others is not null);
            }

            if (others is not null)
            {
                rows.AddOthers(others, retainGraph: false);
            }
        }
    }

    /// <summary>All tasks that had no turn yet; if there are none, the one whose turn is the longest ago.</summary>
    private string[] Turn(IReadOnlyList<string> tasks)
    {
        TaskNames.ExpectKnown(tasks, turns.Tasks, nameof(MConFIG));
        string[] first = [.. tasks.Where(task => turns[task][0] == 0)];
        return first.Length > 0 ? first : [tasks.MinBy(task => turns[task][1])!];
    }

    private static MicroBatchLosses? Part(MicroBatchLosses batch, Func<string, bool> which)
    {
        var losses = TaskMap.Create(batch.Losses.Where(l => which(l.Task)).Select(l => (l.Task, l.Value)));
        return losses.Count == 0
            ? null
            : new MicroBatchLosses(losses, batch.Shares) { Order = [.. batch.Order.Where(which)] }.Checked();
    }

    private void Remember(Jacobian jacobian, double step)
    {
        var before = momenta.Rows(jacobian.Tasks, jacobian.Matrix);
        momenta.Keep(jacobian.Tasks, (beta1 * before) + ((1 - beta1) * jacobian.Matrix));
        foreach (var task in jacobian.Tasks)
        {
            turns[task] = [turns[task][0] + 1, step];
        }
    }

    /// <summary>mᵢ / (1 − β₁^tᵢ) of all tasks seen so far; losses that this turn did not compute are NaN.</summary>
    private Jacobian Averages(Jacobian latest)
    {
        string[] seen = [.. turns.Tasks.Where(task => turns[task][0] > 0)];
        var correction = seen.Select(task => 1 / (1 - Math.Pow(beta1, turns[task][0]))).ToArray();
        var rows = momenta.Rows(seen, latest.Matrix) * tensor(correction).to(latest.Matrix.dtype).to(latest.Matrix.device).unsqueeze(1);
        return new(rows, TaskMap.Create(seen.Select(task => (task, latest.Losses.TryGetValue(task, out var loss) ? loss : double.NaN))));
    }

    /// <summary>d / (√v̂ + ε).</summary>
    private Tensor Normalized(Tensor d, double step)
    {
        var before = combined.Rows([Momentum, Square], d.unsqueeze(0));
        var momentum = d * (1 - Math.Pow(beta1, step));
        var pseudo = (momentum - (beta1 * before[0])) / (1 - beta1);
        var square = (beta2 * before[1]) + ((1 - beta2) * pseudo.square());
        combined.Keep([Momentum, Square], stack([momentum, square]));
        return d / ((square / (1 - Math.Pow(beta2, step))).sqrt() + Epsilon);
    }
}
