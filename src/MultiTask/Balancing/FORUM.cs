using MultiTask.Diagnostics;
using MultiTask.Numerics;
using MultiTask.Training;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace MultiTask.Balancing;

/// <summary>FORUM: lowers the validation losses of all tasks under the condition that the training loss is at its minimum, first order only.</summary>
/// <remarks>
/// <para>
/// Ye, Lin, Cao, Zhang and Tsang, <i>A First-Order Multi-Gradient Algorithm for Multi-Objective Bi-Level Optimization</i> (ECAI
/// 2024), Algorithm 1 for loss weights α: min over (α, ω) of the validation losses (F₁, …, Fₘ), such that q = f(α, ω) − min f(α, ·) ≤ 0, with
/// the training loss f = Σ αₖℓₖ. In each step: ω̃ is ω after T steps of gradient descent on f, on the training batch; ∇q = ∇f(α, ω) − ∇_α f(α, ω̃);
/// λ solves the dual problem (11) of the common descent direction of the Fᵢ that also lowers q by at least φ = ρ‖∇q‖²/2; λ̃ is its average
/// over steps, with the momentum βₖ = (k + 1)^(−3/4); the gradient is Σ λ̃ᵢ∇Fᵢ + ν∇q with ν = max(0, Σ λ̃ᵢπᵢ) (eq. 8 and 9). So the network
/// learns from the validation data, too, and what it is selected by should be a third set. α = softmax of what is learned, by Adam, as in the authors' code;
/// <see cref="Balancer.LastWeights"/> are these α.
/// </para>
/// <para>
/// Here the dual problem is solved exactly. As in the paper, the ∇Fᵢ are not normalised; the authors' code and LibMTL divide them by their norms, and
/// count epochs in βₖ, where the paper (and this) counts steps: those in which the task was seen. Of the tasks in the batch, λ̃ is scaled to the sum 1.
/// A task whose ∇Fᵢ is 0 has λ = 0.
/// </para>
/// <para>
/// The training losses are computed T times more in each step. The trainer knows how; in a loop of one's own, it is the argument
/// <c>training</c>. Parameters are written to and put back, every bit of them. Losses are computed in whatever mode the model is in. A task
/// that is absent from the batch keeps what was learned for it.
/// </para>
/// </remarks>
public sealed class FORUM : Balancer
{
    private const string LowerLevel = "lower level";
    private readonly Func<TaskMap<Tensor>>? again;
    private readonly double rho;
    private readonly double stepSize;
    private readonly int innerSteps;
    private readonly TaskAdam logits;
    private readonly TaskMemory lambda;
    private readonly HeldOutLosses held_out;

    /// <summary>FORUM, for modules of one's own.</summary>
    /// <param name="tasks">All tasks that may come.</param>
    /// <param name="validation">
    /// Gives the losses of a batch that is not the training batch, for every task that the training batch has, with the
    /// parameters as they are; called once each step, inside a dispose scope.
    /// </param>
    /// <param name="parameters">
    /// The model's parameters; asked for in each step. Those not given keep the gradient of the training loss Σ αₖℓₖ.
    /// </param>
    /// <param name="training">
    /// Gives the losses of the step's training batch anew, with the parameters as they are then; called
    /// <paramref name="innerSteps"/> times each step. Not needed with the trainer.
    /// </param>
    /// <param name="buffers">The model's buffers (running statistics), to be put back after losses were computed; asked for in each step.</param>
    /// <param name="rho">ρ > 0: how much of the step goes into lowering the training loss; the default, 0.1, is the authors'.</param>
    /// <param name="innerSteps">T ≥ 1: the number of steps of the lower level; the default, 5, is the authors'.</param>
    /// <param name="stepSize">η > 0: how long these are; the default, 0.1, is the authors'. Training losses must fall along them.</param>
    /// <param name="rate">The learning rate of the weights, greater than 0; the default, 1e-3, is the authors'.</param>
    /// <param name="seed">Of the random numbers that <paramref name="validation"/> and <paramref name="training"/> draw.</param>
    /// <exception cref="ArgumentException">A number is out of its range, names are not distinct, or there is no parameter.</exception>
    public FORUM(
        IEnumerable<string> tasks,
        Func<TaskMap<Tensor>> validation,
        IEnumerable<Parameter> parameters,
        Func<TaskMap<Tensor>>? training = null,
        IEnumerable<Tensor>? buffers = null,
        double rho = 0.1,
        int innerSteps = 5,
        double stepSize = 0.1,
        double rate = 1e-3,
        long seed = 0)
        : base(nameof(FORUM))
    {
        again = training;
        this.rho = Arguments.Positive(rho, nameof(rho));
        this.stepSize = Arguments.Positive(stepSize, nameof(stepSize));
        this.innerSteps = Arguments.AtLeastOne(innerSteps, nameof(innerSteps));
        logits = new(tasks, initial: 0, Arguments.Positive(rate, nameof(rate)));
        lambda = new(logits.Tasks, length: 2, initial: 0);
        held_out = new(validation, parameters, buffers, seed, nameof(FORUM));
        RegisterComponents();
    }

    /// <summary>FORUM, for a model.</summary>
    /// <param name="model">The model: its tasks, parameters and buffers.</param>
    /// <param name="validation">
    /// Gives the losses of a batch that is not the training batch, for every task that the training batch has, with the
    /// parameters as they are; called once each step, inside a dispose scope.
    /// </param>
    /// <param name="training">
    /// Gives the losses of the step's training batch anew, with the parameters as they are then; called
    /// <paramref name="innerSteps"/> times each step. Not needed with the trainer.
    /// </param>
    /// <param name="rho">ρ > 0: how much of the step goes into lowering the training loss; the default, 0.1, is the authors'.</param>
    /// <param name="innerSteps">T ≥ 1: the number of steps of the lower level; the default, 5, is the authors'.</param>
    /// <param name="stepSize">η > 0: how long these are; the default, 0.1, is the authors'. Training losses must fall along them.</param>
    /// <param name="rate">The learning rate of the weights, greater than 0; the default, 1e-3, is the authors'.</param>
    /// <param name="seed">Of the random numbers that <paramref name="validation"/> and <paramref name="training"/> draw.</param>
    /// <exception cref="ArgumentException">A number is out of its range.</exception>
    public FORUM(
        MultiTaskModel model,
        Func<TaskMap<Tensor>> validation,
        Func<TaskMap<Tensor>>? training = null,
        double rho = 0.1,
        int innerSteps = 5,
        double stepSize = 0.1,
        double rate = 1e-3,
        long seed = 0)
        : this(model.Tasks.Tasks, validation, HeldOutLosses.ParametersOf(model), training, HeldOutLosses.BuffersOf(model), rho, innerSteps, stepSize, rate, seed)
    {
    }

    /// <inheritdoc/>
    public override bool AtParametersOnly => true;

    /// <summary>Forgets the weights and the averages: they begin anew.</summary>
    public override void Reset()
    {
        logits.Clear();
        lambda.Clear();
        held_out.Clear();
    }

    /// <inheritdoc/>
    /// <exception cref="InvalidOperationException">Nobody can compute the training losses anew.</exception>
    protected internal override void Differentiate(IEnumerable<MicroBatchLosses> microBatches, IReadOnlyList<Tensor> shared)
    {
        ArgumentNullException.ThrowIfNull(microBatches);
        var leaves = held_out.Leaves(shared);
        var rows = new JacobianRows(leaves, othersToo: true);
        var batch = new LowerBatch(logits.Tasks.Zip(Softmax.Of(logits.Of(logits.Tasks))));
        GradientAggregator.Gather(microBatches.Select(b => batch.Add(Expected(b))), rows, retainGraph: false);
        var lower = Finite(rows.ToJacobian(), batch);
        var tasks = batch.Tasks;
        var upper = held_out.Gradients(tasks, logits.Tasks, leaves, sum: false);
        var weightSlopes = batch.Slopes(ValuesAfterInnerSteps(leaves, lower, batch));

        // Fᵢ does not depend on α, so that only ‖∇q‖² has the part by α.
        var all = HeldOutLosses.Products(upper, lower);
        var gramian = Part(all, tasks.Count);
        double[] products = [.. tasks.Select((_, i) => all[i, tasks.Count])];
        var squared = all[tasks.Count, tasks.Count] + weightSlopes.Sum(s => s * s);
        var average = Average(tasks, BarrierMinNorm.Solve(gramian, products, squared, rho).Weights);
        var nu = BarrierMinNorm.Multiplier(average, products, squared, rho);

        LastWeights = TaskMap.Create(tasks.Select(task => (task, batch.Weights[task])));
        rows.Write(upper.Combine(average) + (lower.Matrix[0] * nu));
        logits.Step(tasks, [.. weightSlopes.Select(s => nu * s)]);
    }

    private MicroBatchLosses Expected(MicroBatchLosses part) => again is not null || part.Again is not null
        ? part.OfKnown(logits.Tasks, nameof(FORUM))
        : throw new InvalidOperationException("FORUM computes the losses of the training batch anew in each step. Give it `training`, or train with the trainer.");

    private static Jacobian Finite(Jacobian lower, LowerBatch batch)
    {
        var norm = GradientNorm.Of([lower.Matrix]);
        return double.IsFinite(norm) ? lower : throw new NonFiniteException(batch.Tasks, "gradient", norm);
    }

    private static Gramian Part(Gramian all, int count)
    {
        var entries = new double[count, count];
        for (var i = 0; i < count; i++)
        {
            for (var j = 0; j < count; j++)
            {
                entries[i, j] = all[i, j];
            }
        }

        return new(entries);
    }

    /// <summary>λ̃ of some tasks, with the sum 1.</summary>
    private double[] Average(IReadOnlyList<string> tasks, double[] weights)
    {
        for (var i = 0; i < tasks.Count; i++)
        {
            var (average, steps) = (lambda[tasks[i]][0], lambda[tasks[i]][1] + 1);
            var beta = Math.Pow(steps, -0.75);
            lambda[tasks[i]] = [((1 - beta) * average) + (beta * weights[i]), steps];
        }

        double[] averages = [.. tasks.Select(task => lambda[task][0])];
        var sum = averages.Sum();
        return sum == 0 ? weights : Array.ConvertAll(averages, a => a / sum);
    }

    /// <summary>The training losses after T steps of gradient descent on Σ αₖℓₖ, of which the first follows the gradient at hand.</summary>
    private double[] ValuesAfterInnerSteps(IReadOnlyList<Tensor> leaves, Jacobian first, LowerBatch batch)
    {
        using var scope = NewDisposeScope();
        using var moved = new TensorCopies(leaves);
        var seed = held_out.NextSeed();
        var gradient = first.Matrix[0];
        for (var step = 1; ; step++)
        {
            moved.Move(gradient, -stepSize);
            if (step == innerSteps)
            {
                using var off = no_grad();
                return held_out.Undisturbed(seed, () => batch.Values(Again()));
            }

            gradient = held_out.Undisturbed(seed, Gradient);
        }

        Tensor Gradient()
        {
            var rows = new JacobianRows(leaves, othersToo: false);
            GradientAggregator.Gather(Again().Select(batch.Weighted), rows, retainGraph: false);
            return rows.ToJacobian().Matrix[0];
        }

        IEnumerable<(TaskMap<Tensor> Losses, TaskMap<double> Shares)> Again() => batch.Parts(again).Select(part =>
            (held_out.Checked(part.Again(), part.Shares.Tasks, "training", $"training loss after steps of {stepSize}"), part.Shares));
    }

    /// <summary>The training batch of a step: f = Σ αₖℓₖ over its tasks.</summary>
    private sealed class LowerBatch(IEnumerable<(string Task, double Weight)> weights)
    {
        private readonly List<MicroBatchLosses> parts = [];
        private readonly OrderedDictionary<string, double> values = new(StringComparer.Ordinal);

        /// <summary>α of all tasks.</summary>
        public TaskMap<double> Weights { get; } = TaskMap.Create(weights);

        /// <summary>The tasks of the batch.</summary>
        public IReadOnlyList<string> Tasks => values.Keys;

        /// <summary>Takes in a micro-batch and gives its part of f.</summary>
        public MicroBatchLosses Add(MicroBatchLosses part)
        {
            parts.Add(part);
            foreach (var task in part.Order)
            {
                values.TryAdd(task, 0);
            }

            foreach (var (task, value) in part.Values)
            {
                values[task] += part.Shares[task] * value;
            }

            return Weighted((part.Losses, part.Shares));
        }

        public MicroBatchLosses Weighted((TaskMap<Tensor> Losses, TaskMap<double> Shares) part) =>
            new MicroBatchLosses([(LowerLevel, TaskWeights.Combine(part.Losses, part.Losses.Map((task, _) => Weights[task] * part.Shares[task])))]).Checked();

        /// <summary>How to compute the micro-batches anew, each with its shares; the caller's function gives all at once.</summary>
        public IEnumerable<(Func<TaskMap<Tensor>> Again, TaskMap<double> Shares)> Parts(Func<TaskMap<Tensor>>? training) =>
            training is not null ? [(training, TaskMap.Create(Tasks.Select(task => (task, 1.0))))]
            : parts.Select(part => (part.Again!, part.Losses.Map((task, _) => part.Shares[task])));

        /// <summary>The tasks' losses over all micro-batches.</summary>
        public double[] Values(IEnumerable<(TaskMap<Tensor> Losses, TaskMap<double> Shares)> again)
        {
            var sums = Tasks.ToDictionary(task => task, _ => 0.0, StringComparer.Ordinal);
            foreach (var (losses, shares) in again)
            {
                foreach (var (task, value) in HostValues.Of(losses))
                {
                    sums[task] += shares[task] * value;
                }
            }

            return [.. Tasks.Select(task => sums[task])];
        }

        /// <summary>∂q/∂aₖ with α = softmax a: αₖ times how much more the task's loss would fall than f.</summary>
        public double[] Slopes(double[] after)
        {
            double[] falls = [.. values.Values.Zip(after, (before, then) => before - then)];
            var mean = Tasks.Select((task, k) => Weights[task] * falls[k]).Sum();
            return [.. Tasks.Select((task, k) => Weights[task] * (falls[k] - mean))];
        }
    }
}
