using MultiTask.Diagnostics;
using MultiTask.Numerics;
using static TorchSharp.torch;

namespace MultiTask.Balancing;

/// <summary>Fast adaptive multitask optimization: weights with which all losses fall at the same rate, from losses alone.</summary>
/// <remarks>
/// <para>
/// Liu et al., <i>FAMO: Fast Adaptive Multitask Optimization</i> (NeurIPS 2023), algorithm 1: the gradient of Σ zᵢ log Dᵢ / c with
/// z = softmax(w), D = ℓ − b + 1e-8 and c = Σ zᵢ/Dᵢ, held fixed. As weights of the losses that is softmax(w − log D). After
/// the optimizer's step the losses of the same batch are computed anew, δ = log D(before) − log D(after), and w makes an Adam step on
/// (∂z/∂w)ᵀδ + γw: a task that fell faster than others loses weight. Call <see cref="EndStep"/> after each step (the trainer does).
/// </para>
/// <para>
/// Amortized, as in the authors' toy example, w is updated with the losses of the next step instead, which saves the second
/// forward pass and compares the losses of unlike batches. The weights sum to 1: at the learning rate of
/// <see cref="EqualWeights"/>, steps 1/m as long. Several micro-batches count by the mean of their losses; amortized, a step's first
/// micro-batch stands for the step that is looked ahead to. A task that is absent keeps its w and its moments; z is
/// normalised over those that are there. A loss below its bound has no logarithm and is an error, not a NaN.
/// </para>
/// <para>
/// γ is L2 inside Adam, not decoupled: 1e-3 by default as in LibMTL, TorchJD and the authors' QM9 script; their other files
/// have 1e-5 to 1e-2. They clip gradients to the norm 1, but in the class of their experiments before there are any.
/// </para>
/// </remarks>
public sealed class FAMO : LossWeighting
{
    private readonly double learningRate;
    private readonly double gamma;
    private readonly TaskMap<double>? bounds;
    private readonly bool amortized;
    private readonly TaskMemory memory;

    /// <summary>FAMO.</summary>
    /// <param name="tasks">All tasks that may come.</param>
    /// <param name="bounds">b, by task: what the loss never goes below. 0 by default.</param>
    /// <param name="learningRate">The step size of w, positive; the paper's default is 0.025.</param>
    /// <param name="gamma">γ ≥ 0, the L2 regularization of w; 0.001 by default.</param>
    /// <param name="amortized">Whether the next step's losses stand for those after the step.</param>
    /// <exception cref="ArgumentException">An argument is out of its range, a task has no bound, or names are not distinct.</exception>
    public FAMO(IEnumerable<string> tasks, TaskMap<double>? bounds = null, double learningRate = 0.025, double gamma = 0.001, bool amortized = false)
        : base(nameof(FAMO))
    {
        this.learningRate = Arguments.Positive(learningRate, nameof(learningRate));
        this.gamma = Arguments.NonNegative(gamma, nameof(gamma));
        (this.bounds, this.amortized) = (bounds, amortized);
        memory = new(tasks, length: State.Length, initial: 0);
        _ = new IdealPoint(bounds, nameof(FAMO)).Of(memory.Tasks);
        RegisterComponents();
    }

    /// <summary>FAMO.</summary>
    /// <param name="tasks">All tasks that may come.</param>
    /// <param name="bounds">b, by task: what the loss never goes below. 0 by default.</param>
    /// <param name="learningRate">The step size of w, positive; the paper's default is 0.025.</param>
    /// <param name="gamma">γ ≥ 0, the L2 regularization of w; 0.001 by default.</param>
    /// <param name="amortized">Whether the next step's losses stand for those after the step.</param>
    /// <exception cref="ArgumentException">An argument is out of its range, a task has no bound, or names are not distinct.</exception>
    public FAMO(IEnumerable<LearningTask> tasks, TaskMap<double>? bounds = null, double learningRate = 0.025, double gamma = 0.001, bool amortized = false)
        : this(tasks.Select(t => t.Name), bounds, learningRate, gamma, amortized)
    {
    }

    /// <inheritdoc/>
    /// <exception cref="ArgumentException">There is a task that the method was not built for, or a loss is below its bound.</exception>
    public override double[] Weigh(TaskMap<double> losses)
    {
        ArgumentNullException.ThrowIfNull(losses);
        TaskNames.ExpectKnown(losses.Tasks, memory.Tasks, nameof(FAMO));
        var logs = losses.Map(LogDistance);
        Update([.. losses.Tasks.Where(task => Of(task).Ended > 0)], losses);
        foreach (var (task, loss) in losses)
        {
            var state = Of(task);
            memory[task] = (state with { Sum = state.Sum + loss, Steps = state.Steps + 1 }).ToArray();
        }

        return Softmax.Of([.. logs.Select(d => Of(d.Task).W - d.Value)]);
    }

    /// <summary>Updates w by what became of the losses in the step.</summary>
    /// <param name="losses">Computes the losses of the step's batch anew; not called if amortized.</param>
    /// <exception cref="ArgumentException">A loss is below its bound after the step.</exception>
    /// <exception cref="NonFiniteException">A loss is NaN or infinite after the step.</exception>
    public override void EndStep(Func<TaskMap<Tensor>> losses)
    {
        ArgumentNullException.ThrowIfNull(losses);
        string[] seen = [.. memory.Tasks.Where(task => Of(task).Steps > 0)];
        if (seen.Length == 0)
        {
            return;
        }

        if (amortized)
        {
            Array.ForEach(seen, task => memory[task] = (Of(task) with { Ended = 1 }).ToArray());
            return;
        }

        using var scope = NewDisposeScope();
        try
        {
            var after = HostValues.Of(losses());
            Update([.. seen.Where(after.Contains)], after);
        }
        finally
        {
            Array.ForEach(seen, task => memory[task] = Of(task).Cleared().ToArray());
        }
    }

    /// <inheritdoc/>
    public override void Reset() => memory.Clear();

    private State Of(string task) => State.From(memory[task]);

    /// <summary>log D.</summary>
    private double LogDistance(string task, double loss)
    {
        if (!double.IsFinite(loss))
        {
            throw new NonFiniteException(task, "loss after the step", loss);
        }

        var bound = bounds?[task] ?? 0;
        var distance = loss - bound + 1e-8;
        return distance > 0
            ? Math.Log(distance)
            : throw new ArgumentException($"Task '{task}': FAMO needs losses that are not below their bound, {bound}. Found {loss}.");
    }

    /// <summary>One Adam step of w for some tasks, on (∂z/∂w)ᵀδ + γw.</summary>
    private void Update(string[] tasks, TaskMap<double> after)
    {
        var before = Array.ConvertAll(tasks, Of);
        var delta = tasks.Select((task, i) => LogDistance(task, before[i].Sum / before[i].Steps) - LogDistance(task, after[task])).ToArray();
        var z = before.Length == 0 ? [] : Softmax.Of(Array.ConvertAll(before, s => s.W));
        var mean = z.Zip(delta, (zi, di) => zi * di).Sum();
        for (var i = 0; i < tasks.Length; i++)
        {
            var gradient = (z[i] * (delta[i] - mean)) + (gamma * before[i].W);
            memory[tasks[i]] = before[i].Stepped(gradient, learningRate).Cleared().ToArray();
        }
    }

    /// <summary>A task's w with its Adam moments, and the losses of the step: their sum, their number, and whether it has ended.</summary>
    private readonly record struct State(double W, double First, double Second, double Updates, double Sum, double Steps, double Ended)
    {
        public const int Length = 7;

        public static State From(double[] a) => new(a[0], a[1], a[2], a[3], a[4], a[5], a[6]);

        public double[] ToArray() => [W, First, Second, Updates, Sum, Steps, Ended];

        public State Cleared() => this with { Sum = 0, Steps = 0, Ended = 0 };

        public State Stepped(double gradient, double learningRate)
        {
            const double Beta1 = 0.9;
            const double Beta2 = 0.999;
            var first = (Beta1 * First) + ((1 - Beta1) * gradient);
            var second = (Beta2 * Second) + ((1 - Beta2) * gradient * gradient);
            var rate = learningRate / (1 - Math.Pow(Beta1, Updates + 1));
            var root = Math.Sqrt(second / (1 - Math.Pow(Beta2, Updates + 1)));
            return this with { W = W - (rate * first / (root + 1e-8)), First = first, Second = second, Updates = Updates + 1 };
        }
    }
}
