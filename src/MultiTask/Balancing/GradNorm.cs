using MultiTask.Diagnostics;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace MultiTask.Balancing;

/// <summary>GradNorm: learns loss weights so that all tasks train at the same pace, by the norms of their gradients.</summary>
/// <remarks>
/// <para>
/// Chen, Badrinarayanan, Lee and Rabinovich, <i>GradNorm: Gradient Normalization for Adaptive Loss Balancing in Deep Multitask
/// Networks</i> (ICML 2018), Algorithm 1. At some weights W of the network, the last layer that tasks share: Gᵢ = ‖wᵢ∇ℓᵢ‖, its
/// target Ḡ rᵢ^α with rᵢ = (ℓᵢ/ℓᵢ(0)) / mean over tasks, and L = Σ |Gᵢ − Ḡ rᵢ^α|, in which the target counts as a constant.
/// The losses are differentiated with the weights w as they are; then w takes a step of Adam along ∇L and is scaled back to its sum, m.
/// With α = 0 all Gᵢ become equal; the larger α, the more a task counts that has improved less.
/// </para>
/// <para>
/// The paper says nothing of weights below 0, at which the gradient of L points the wrong way; here a step ends at 0, from where
/// they rise again. Tasks of a batch share the sum that their weights had before the step, so absent tasks keep their weights and
/// all together sum to m. ℓᵢ(0) is the loss in the first batch that has the task. LibMTL instead has a softmax, the mean of the first epoch,
/// all shared parameters, and the optimizer of the network, with its weight decay.
/// </para>
/// <para>
/// Weights count for heads as well. At the representation, W is the representation. All micro-batches of a step are kept until
/// the norms are known.
/// </para>
/// </remarks>
public sealed class GradNorm : Balancer
{
    private readonly double alpha;
    private readonly IReadOnlyList<Parameter>? at;
    private readonly TaskMap<double> given;
    private readonly TaskAdam weights;
    private readonly TaskMemory initial_losses;

    /// <summary>GradNorm.</summary>
    /// <param name="tasks">All tasks that may come.</param>
    /// <param name="alpha">α ≥ 0: how strongly tasks are pulled to one pace. The paper's default is 1.5, and 0.12 where tasks are much alike.</param>
    /// <param name="rate">The learning rate of the weights, greater than 0; the paper's default is 0.025.</param>
    /// <param name="at">
    /// W, once the model has been moved to its device; by default the last of the shared parameters with two dimensions or more that
    /// has a gradient of every task, and all shared parameters where there is none. Where the last layer that tasks share is
    /// in several parts, such as experts, give them all.
    /// </param>
    /// <param name="initialLosses">ℓᵢ(0) for some or all tasks, greater than 0, such as log C for C classes; by default from the first batch.</param>
    /// <exception cref="ArgumentException">A number is out of its range, names are not distinct, <paramref name="at"/> is empty, or an initial loss is for none of the tasks.</exception>
    public GradNorm(IEnumerable<string> tasks, double alpha = 1.5, double rate = 0.025, IEnumerable<Parameter>? at = null, TaskMap<double>? initialLosses = null)
        : base(nameof(GradNorm))
    {
        this.alpha = Arguments.NonNegative(alpha, nameof(alpha));
        weights = new(tasks, initial: 1, Arguments.Positive(rate, nameof(rate)));
        initial_losses = new(weights.Tasks, length: 1, initial: double.NaN);
        given = initialLosses ?? [];
        TaskNames.ExpectKnown(given.Tasks, weights.Tasks, nameof(GradNorm));
        foreach (var (task, loss) in given)
        {
            ExpectInitial(task, loss);
        }

        this.at = at?.ToArray();
        if (this.at is [])
        {
            throw new ArgumentException("`at` should have at least one parameter. Found none.", nameof(at));
        }

        RegisterComponents();
    }

    /// <summary>GradNorm.</summary>
    /// <param name="tasks">All tasks that may come.</param>
    /// <param name="alpha">α ≥ 0: how strongly tasks are pulled to one pace. The paper's default is 1.5, and 0.12 where tasks are much alike.</param>
    /// <param name="rate">The learning rate of the weights, greater than 0; the paper's default is 0.025.</param>
    /// <param name="at">
    /// W, once the model has been moved to its device; by default the last of the shared parameters with two dimensions or more that
    /// has a gradient of every task, and all shared parameters where there is none.
    /// </param>
    /// <param name="initialLosses">ℓᵢ(0) for some or all tasks, greater than 0, such as log C for C classes; by default from the first batch.</param>
    /// <exception cref="ArgumentException">A number is out of its range, names are not distinct, <paramref name="at"/> is empty, or an initial loss is for none of the tasks.</exception>
    public GradNorm(IEnumerable<LearningTask> tasks, double alpha = 1.5, double rate = 0.025, IEnumerable<Parameter>? at = null, TaskMap<double>? initialLosses = null)
        : this(tasks.Select(t => t.Name), alpha, rate, at, initialLosses)
    {
    }

    /// <summary>Forgets the weights, which begin at 1 anew, and the first losses.</summary>
    public override void Reset()
    {
        weights.Clear();
        initial_losses.Clear();
    }

    /// <inheritdoc/>
    protected internal override void Differentiate(IEnumerable<MicroBatchLosses> microBatches, IReadOnlyList<Tensor> shared)
    {
        ArgumentNullException.ThrowIfNull(microBatches);
        ArgumentNullException.ThrowIfNull(shared);
        var batches = microBatches.Select(b => b.OfKnown(weights.Tasks, nameof(GradNorm))).ToList();
        var tasks = batches.SelectMany(b => b.Order).Distinct(StringComparer.Ordinal).ToArray();
        LastWeights = TaskMap.Create(tasks.Zip(weights.Of(tasks)));
        LastGramian = Measure(batches, shared);
        var paces = LastGramian is null ? null : Paces(LastGramian.Losses);
        foreach (var batch in batches)
        {
            using var scope = NewDisposeScope();
            batch.Backward(LastWeights);
        }

        if (LastGramian is not null)
        {
            Learn(LastGramian, paces!);
        }
    }

    /// <summary>The inner products of the gradients at W, unweighted; <c>null</c> where there is no W.</summary>
    private Gramian? Measure(IReadOnlyList<MicroBatchLosses> batches, IReadOnlyList<Tensor> shared)
    {
        using var scope = NewDisposeScope();
        var representation = shared is [not Parameter];
        if (at is not null && !representation)
        {
            return At(at);
        }

        if (shared.Count == 0)
        {
            return null;
        }

        // Usually the last matrix will do; if not, one pass over all tells which will.
        if (shared.LastOrDefault(p => p.dim() >= 2) is { } last && At([last]) is { } gramian && ReachedByAll(gramian))
        {
            return gramian;
        }

        var all = Jacobian.OfMicroBatches(batches, shared);
        return Matrices(all, shared).FirstOrDefault(ReachedByAll) ?? Gramian.Of(all);

        Gramian At(IEnumerable<Tensor> leaves) => Gramian.Of(Jacobian.OfMicroBatches(batches, leaves));
    }

    /// <summary>The Gramian at each matrix by itself, from the last to the first.</summary>
    private static IEnumerable<Gramian> Matrices(Jacobian all, IReadOnlyList<Tensor> shared)
    {
        var end = all.Matrix.shape[1];
        foreach (var leaf in shared.Reverse())
        {
            end -= leaf.numel();
            if (leaf.dim() >= 2)
            {
                yield return Gramian.Of(new Jacobian(all.Matrix.narrow(1, end, leaf.numel()), all.Losses));
            }
        }
    }

    private static bool ReachedByAll(Gramian gramian) => Enumerable.Range(0, gramian.Count).All(i => gramian[i, i] > 0);

    /// <summary>rᵢ: how far a task is behind the others.</summary>
    private double[] Paces(TaskMap<double> losses)
    {
        var left = losses.Map(Left).Values;
        var mean = left.Average();
        return [.. left.Select(l => mean == 0 ? 1 : l / mean)];
    }

    /// <summary>ℓᵢ/ℓᵢ(0).</summary>
    private double Left(string task, double loss)
    {
        var initial = initial_losses[task][0];
        if (double.IsNaN(initial))
        {
            initial = given.TryGetValue(task, out var own) ? own : ExpectInitial(task, loss);
            initial_losses[task] = [initial];
        }

        return loss >= 0 ? loss / initial
            : throw new ArgumentException($"Task '{task}': GradNorm compares losses by their ratio and needs them non-negative. Found {loss}.");
    }

    private static double ExpectInitial(string task, double loss) => loss > 0 && double.IsFinite(loss) ? loss
        : throw new ArgumentException($"Task '{task}': GradNorm compares losses with the initial loss, which should be positive and finite. Found {loss}.");

    private void Learn(Gramian gramian, double[] paces)
    {
        var tasks = gramian.Tasks;
        var before = weights.Of(tasks);
        var norms = before.Select((w, i) => w * gramian.Norm(i)).ToArray();
        var mean = norms.Average();
        if (mean == 0)
        {
            return;
        }

        weights.Step(tasks, [.. norms.Select((norm, i) => Math.Sign(norm - (mean * Math.Pow(paces[i], alpha))) * gramian.Norm(i))]);
        var after = weights.Of(tasks).Select(w => Math.Max(0, w)).ToArray();
        var scale = after.Sum() == 0 ? 0 : before.Sum() / after.Sum();
        weights.Put(tasks, scale == 0 ? before : Array.ConvertAll(after, w => w * scale));
    }
}
