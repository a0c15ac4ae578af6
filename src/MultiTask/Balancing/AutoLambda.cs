using MultiTask.Diagnostics;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace MultiTask.Balancing;

/// <summary>Auto-λ: loss weights that lower the validation loss of the primary tasks after a step; other tasks only help.</summary>
/// <remarks>
/// <para>
/// Liu, James, Davison and Johns, <i>Auto-Lambda: Disentangling Dynamic Task Relationships</i> (TMLR 2022). In each step, on
/// one training batch: a virtual step θ′ = θ − α Σ λᵢ∇ℓᵢ(θ) (eq. 3); the gradient of the primary tasks' validation loss
/// L(θ′) by λ, which is −α ∇ℓᵢ(θ)·∇L(θ′); a step of Adam on λ; the step of the optimizer along Σ λᵢ∇ℓᵢ(θ) with the new λ. The order is
/// that of the authors' code. Weights are neither normalised nor kept positive: a negative one unlearns a task that harms.
/// LibMTL has a softmax and no primary tasks.
/// </para>
/// <para>
/// The authors find the products by finite differences (two more passes over the training batch, with ε = 0.01 / ‖∇L‖). Here
/// they are exact: the m gradients are at hand. The virtual step is the paper's, plain gradient descent; the authors' code
/// adds the optimizer's momentum and weight decay to it.
/// </para>
/// <para>
/// Weights count for heads as well. Parameters are written to and put back, every bit of them. The validation loss is
/// computed in whatever mode the model is in. A task that is absent from the batch keeps its weight.
/// </para>
/// </remarks>
public sealed class AutoLambda : Balancer
{
    private readonly string[] primary;
    private readonly double stepSize;
    private readonly TaskAdam lambda;
    private readonly HeldOutLosses held_out;

    /// <summary>Auto-λ, for modules of one's own.</summary>
    /// <param name="tasks">All tasks that may come.</param>
    /// <param name="validation">
    /// Gives the losses of a batch that is not the training batch, at least for the primary tasks, with the parameters as
    /// they are; called once each step, inside a dispose scope.
    /// </param>
    /// <param name="parameters">The model's parameters; asked for in each step. Those not given keep the unweighted gradient of their own losses.</param>
    /// <param name="buffers">The model's buffers (running statistics), to be put back after <paramref name="validation"/>; asked for in each step.</param>
    /// <param name="primary">The tasks whose validation loss counts; by default all.</param>
    /// <param name="initial">Where each weight begins; the paper's default is 0.1.</param>
    /// <param name="rate">The learning rate of the weights, greater than 0; the paper's default is 1e-4.</param>
    /// <param name="stepSize">α > 0: how long the virtual step is; best the learning rate of the optimizer. The default, 0.1, is the paper's.</param>
    /// <param name="seed">Of the random numbers that <paramref name="validation"/> draws.</param>
    /// <exception cref="ArgumentException">A number is out of its range, names are not distinct, there is no primary task or one that is not among the tasks, or no parameter.</exception>
    public AutoLambda(
        IEnumerable<string> tasks,
        Func<TaskMap<Tensor>> validation,
        IEnumerable<Parameter> parameters,
        IEnumerable<Tensor>? buffers = null,
        IEnumerable<string>? primary = null,
        double initial = 0.1,
        double rate = 1e-4,
        double stepSize = 0.1,
        long seed = 0)
        : base(nameof(AutoLambda))
    {
        lambda = new(tasks, Arguments.Finite(initial, nameof(initial)), Arguments.Positive(rate, nameof(rate)));
        this.stepSize = Arguments.Positive(stepSize, nameof(stepSize));
        this.primary = [.. primary ?? lambda.Tasks];
        TaskNames.Index(this.primary);
        TaskNames.ExpectKnown(this.primary, lambda.Tasks, nameof(AutoLambda));
        if (this.primary.Length == 0)
        {
            throw new ArgumentException("`primary` should have at least one task. Found none.", nameof(primary));
        }

        held_out = new(validation, parameters, buffers, seed, nameof(AutoLambda));
        RegisterComponents();
    }

    /// <summary>Auto-λ, for a model.</summary>
    /// <param name="model">The model: its tasks, parameters and buffers.</param>
    /// <param name="validation">
    /// Gives the losses of a batch that is not the training batch, at least for the primary tasks, with the parameters as
    /// they are; called once each step, inside a dispose scope.
    /// </param>
    /// <param name="primary">The tasks whose validation loss counts; by default all.</param>
    /// <param name="initial">Where each weight begins; the paper's default is 0.1.</param>
    /// <param name="rate">The learning rate of the weights, greater than 0; the paper's default is 1e-4.</param>
    /// <param name="stepSize">α > 0: how long the virtual step is; best the learning rate of the optimizer. The default, 0.1, is the paper's.</param>
    /// <param name="seed">Of the random numbers that <paramref name="validation"/> draws.</param>
    /// <exception cref="ArgumentException">A number is out of its range, or there is no primary task or one that the model has not.</exception>
    public AutoLambda(
        MultiTaskModel model,
        Func<TaskMap<Tensor>> validation,
        IEnumerable<string>? primary = null,
        double initial = 0.1,
        double rate = 1e-4,
        double stepSize = 0.1,
        long seed = 0)
        : this(model.Tasks.Tasks, validation, HeldOutLosses.ParametersOf(model), HeldOutLosses.BuffersOf(model), primary, initial, rate, stepSize, seed)
    {
    }

    /// <inheritdoc/>
    public override bool AtParametersOnly => true;

    /// <summary>Forgets the weights: they begin anew.</summary>
    public override void Reset()
    {
        lambda.Clear();
        held_out.Clear();
    }

    /// <inheritdoc/>
    protected internal override void Differentiate(IEnumerable<MicroBatchLosses> microBatches, IReadOnlyList<Tensor> shared)
    {
        ArgumentNullException.ThrowIfNull(microBatches);
        var step = new VirtualStep(microBatches.Select(b => b.OfKnown(lambda.Tasks, nameof(AutoLambda))), held_out.Leaves(shared), held_out);
        var tasks = step.Gradients.Tasks;
        var slopes = step.Slopes(lambda.Of(tasks), stepSize, primary, lambda.Tasks, sum: true);
        lambda.Step(tasks, [.. Enumerable.Range(0, tasks.Count).Select(k => slopes[0, k])]);
        LastWeights = TaskWeights.Checked(lambda.Of(tasks), step.Gradients.Losses, this);
        step.Write(LastWeights.Values);
    }
}
