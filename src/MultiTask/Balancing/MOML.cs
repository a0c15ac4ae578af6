using MultiTask.Diagnostics;
using MultiTask.Numerics;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace MultiTask.Balancing;

/// <summary>MOML: loss weights that lower the validation losses of all tasks after a step, by multiple gradient descent on the weights.</summary>
/// <remarks>
/// <para>
/// Ye, Lin, Yue, Guo, Xiao and Zhang, <i>Multi-Objective Meta Learning</i> (NeurIPS 2021), for loss weights α (their Section on
/// multi-task learning): min over α of (F₁(ω*(α)), …, Fₘ(ω*(α))), where Fᵢ is task i's validation loss and ω*(α) is what
/// training with the weights α leads to, approximated by one step of gradient descent, ω − η Σ αₖ∇ℓₖ(ω), as in the authors' code.
/// In each step: the gradients of all Fᵢ by α; the shortest vector in their convex hull (MGDA); a step of Adam along it; the step of
/// the optimizer along Σ αₖ∇ℓₖ(ω) with the new α. α = softmax of what is learned, so weights sum to 1 over all tasks that the method was
/// built for, and steps are 1/m as long as those of <see cref="EqualWeights"/>.
/// </para>
/// <para>
/// MGDA is exact and, as in the paper, its gradients are not normalised; the authors' code divides them by their norms or by the
/// losses, depending on the data set. It takes the optimizer's step on training and validation data together; here
/// it is on the training batch. With two tasks all gradients by α lie on one line: then either both tasks want the same, or α stays.
/// </para>
/// <para>
/// Weights count for heads as well. Parameters are written to and put back, every bit of them. The validation loss is
/// computed in whatever mode the model is in. A task that is absent from the batch keeps what was learned for it.
/// </para>
/// </remarks>
public sealed class MOML : Balancer
{
    private readonly double stepSize;
    private readonly TaskAdam logits;
    private readonly HeldOutLosses held_out;

    /// <summary>MOML, for modules of one's own.</summary>
    /// <param name="tasks">All tasks that may come.</param>
    /// <param name="validation">
    /// Gives the losses of a batch that is not the training batch, for every task that the training batch has, with the
    /// parameters as they are; called once each step, inside a dispose scope.
    /// </param>
    /// <param name="parameters">The model's parameters; asked for in each step. Those not given keep the unweighted gradient of their own losses.</param>
    /// <param name="buffers">The model's buffers (running statistics), to be put back after <paramref name="validation"/>; asked for in each step.</param>
    /// <param name="rate">The learning rate of the weights, greater than 0; the default, 1e-3, is the authors'.</param>
    /// <param name="stepSize">η > 0: how long the step of the lower level is; the default, 0.1, is the authors'.</param>
    /// <param name="seed">Of the random numbers that <paramref name="validation"/> draws.</param>
    /// <exception cref="ArgumentException">A number is out of its range, names are not distinct, or there is no parameter.</exception>
    public MOML(
        IEnumerable<string> tasks,
        Func<TaskMap<Tensor>> validation,
        IEnumerable<Parameter> parameters,
        IEnumerable<Tensor>? buffers = null,
        double rate = 1e-3,
        double stepSize = 0.1,
        long seed = 0)
        : base(nameof(MOML))
    {
        logits = new(tasks, initial: 0, Arguments.Positive(rate, nameof(rate)));
        this.stepSize = Arguments.Positive(stepSize, nameof(stepSize));
        held_out = new(validation, parameters, buffers, seed, nameof(MOML));
        RegisterComponents();
    }

    /// <summary>MOML, for a model.</summary>
    /// <param name="model">The model: its tasks, parameters and buffers.</param>
    /// <param name="validation">
    /// Gives the losses of a batch that is not the training batch, for every task that the training batch has, with the
    /// parameters as they are; called once each step, inside a dispose scope.
    /// </param>
    /// <param name="rate">The learning rate of the weights, greater than 0; the default, 1e-3, is the authors'.</param>
    /// <param name="stepSize">η > 0: how long the step of the lower level is; the default, 0.1, is the authors'.</param>
    /// <param name="seed">Of the random numbers that <paramref name="validation"/> draws.</param>
    /// <exception cref="ArgumentException">A number is out of its range.</exception>
    public MOML(MultiTaskModel model, Func<TaskMap<Tensor>> validation, double rate = 1e-3, double stepSize = 0.1, long seed = 0)
        : this(model.Tasks.Tasks, validation, HeldOutLosses.ParametersOf(model), HeldOutLosses.BuffersOf(model), rate, stepSize, seed)
    {
    }

    /// <inheritdoc/>
    public override bool AtParametersOnly => true;

    /// <summary>Forgets the weights: they begin anew.</summary>
    public override void Reset()
    {
        logits.Clear();
        held_out.Clear();
    }

    /// <summary>∂Fᵢ/∂aₖ, of weights αₖ = exp aₖ / Σ exp aⱼ: αₖ (∂Fᵢ/∂αₖ − Σⱼ αⱼ ∂Fᵢ/∂αⱼ).</summary>
    internal static double[][] ThroughSoftmax(double[,] slopes, double[] weights) =>
    [
        .. Enumerable.Range(0, slopes.GetLength(0)).Select(i =>
        {
            var mean = weights.Select((w, k) => w * slopes[i, k]).Sum();
            return weights.Select((w, k) => w * (slopes[i, k] - mean)).ToArray();
        }),
    ];

    /// <summary>The shortest vector in the convex hull of some vectors; 0 where rounding is all that is left of it.</summary>
    internal static double[] Shortest(double[][] vectors)
    {
        var entries = new double[vectors.Length, vectors.Length];
        for (var i = 0; i < vectors.Length; i++)
        {
            for (var j = 0; j <= i; j++)
            {
                entries[i, j] = entries[j, i] = vectors[i].Zip(vectors[j], (a, b) => a * b).Sum();
            }
        }

        var gramian = new Gramian(entries);
        var weights = MinNorm.Solve(gramian).Weights;
        double[] shortest = [.. Enumerable.Range(0, vectors[0].Length).Select(k => weights.Select((w, i) => w * vectors[i][k]).Sum())];
        var added = weights.Select((w, i) => w * gramian.Norm(i)).Sum();
        return Math.Sqrt(shortest.Sum(v => v * v)) <= 1e-12 * added ? new double[shortest.Length] : shortest;
    }

    /// <inheritdoc/>
    protected internal override void Differentiate(IEnumerable<MicroBatchLosses> microBatches, IReadOnlyList<Tensor> shared)
    {
        ArgumentNullException.ThrowIfNull(microBatches);
        var step = new VirtualStep(microBatches.Select(b => b.OfKnown(logits.Tasks, nameof(MOML))), held_out.Leaves(shared), held_out);
        var tasks = step.Gradients.Tasks;
        var weights = Weights(tasks);
        var slopes = step.Slopes(weights, stepSize, tasks, logits.Tasks, sum: false);
        logits.Step(tasks, Shortest(ThroughSoftmax(slopes, weights)));
        LastWeights = TaskWeights.Checked(Weights(tasks), step.Gradients.Losses, this);
        step.Write(LastWeights.Values);
    }

    private double[] Weights(IReadOnlyList<string> tasks)
    {
        var all = logits.Tasks.Zip(Softmax.Of(logits.Of(logits.Tasks))).ToDictionary(p => p.First, p => p.Second, StringComparer.Ordinal);
        return [.. tasks.Select(task => all[task])];
    }
}
