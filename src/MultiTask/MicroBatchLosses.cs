using MultiTask.Balancing;
using MultiTask.Diagnostics;
using MultiTask.Numerics;
using static TorchSharp.torch;

namespace MultiTask;

/// <summary>The losses of one micro-batch, and the part that each has in the loss of the whole batch.</summary>
/// <remarks>
/// The whole batch's loss of a task is the sum over the micro-batches of share × loss. Where losses are means over
/// labels, a task's share is its number of labels in the micro-batch, divided by that in the whole batch.
/// </remarks>
public sealed class MicroBatchLosses
{
    /// <summary>The losses of a batch that is not divided: every share is 1.</summary>
    /// <param name="losses">One scalar for each task that has a label, at least one.</param>
    public MicroBatchLosses(TaskMap<Tensor> losses)
        : this(losses, losses?.Map((_, _) => 1.0)!)
    {
    }

    /// <summary>The losses of one of several micro-batches.</summary>
    /// <param name="losses">One scalar for each task that has a label in the micro-batch, at least one.</param>
    /// <param name="shares">For each of these tasks its share, greater than 0 and at most 1.</param>
    /// <exception cref="ArgumentException">There is no loss, or a task without a share.</exception>
    public MicroBatchLosses(TaskMap<Tensor> losses, TaskMap<double> shares)
    {
        ArgumentNullException.ThrowIfNull(losses);
        ArgumentNullException.ThrowIfNull(shares);
        if (losses.Count == 0)
        {
            throw new ArgumentException("There should be at least one loss. Found none: no task has a label.", nameof(losses));
        }

        foreach (var task in losses.Tasks)
        {
            if (!shares.TryGetValue(task, out var share) || !(share is > 0 and <= 1))
            {
                throw new ArgumentException($"Task '{task}': its share should be in (0, 1]. Found {(shares.Contains(task) ? share : "none")}.", nameof(shares));
            }
        }

        Losses = losses;
        Shares = shares;
    }

    /// <summary>What is thrown where there should be a micro-batch.</summary>
    internal static ArgumentException None => new("There should be at least one micro-batch. Found none.");

    /// <summary>One scalar for each task, with its graph.</summary>
    public TaskMap<Tensor> Losses { get; }

    /// <summary>The part of each loss in the whole batch's, in (0, 1].</summary>
    public TaskMap<double> Shares { get; }

    /// <summary>The tasks of the whole batch, in its order, so that a method sees the same order however the batch is divided.</summary>
    internal IReadOnlyList<string> Order { get => field ?? Losses.Tasks; init; }

    /// <summary>
    /// Computes the losses anew, with the parameters as they are then; <c>null</c> where nobody can. It moves running statistics.
    /// </summary>
    internal Func<TaskMap<Tensor>>? Again { get; init; }

    /// <summary>The values of the losses, on the host; known once the balancer has looked at them.</summary>
    internal TaskMap<double> Values { get; private set; } = [];

    /// <summary>Whether this is the whole batch, not one of several micro-batches.</summary>
    internal bool IsWhole => Shares.Values.All(share => share == 1);

    /// <summary>The mean share of the losses: the part of the micro-batch in a scalar of them all.</summary>
    internal double MeanShare => Losses.Tasks.Average(task => Shares[task]);

    /// <summary>Differentiates Σ weight × share × loss, onto every leaf that the losses reach; their graph is freed.</summary>
    /// <remarks>For methods that find weights for whole tasks: the balancer of one's own that then has nothing else to do.</remarks>
    /// <param name="weights">A weight for each task.</param>
    /// <exception cref="KeyNotFoundException">A task has no weight.</exception>
    public void Backward(TaskMap<double> weights)
    {
        ArgumentNullException.ThrowIfNull(weights);
        Weighted(weights).backward();
    }

    /// <summary>Differentiates Σ share × loss by all leaves but the shared parameters, then Σ weight × share × loss by these; the graph is freed.</summary>
    internal void Backward(TaskMap<double> weights, IReadOnlyList<Tensor> shared)
    {
        new JacobianRows(shared, othersToo: true).AddOthers(this, retainGraph: true);
        Weighted(weights).backward(inputs: [.. shared]);
    }

    /// <summary>Σ weight × share × loss.</summary>
    internal Tensor Weighted(TaskMap<double> weights) => TaskWeights.Combine(Losses, Losses.Map((task, _) => weights[task] * Shares[task]));

    internal MicroBatchLosses Checked()
    {
        foreach (var (task, loss) in Losses)
        {
            if (loss.dim() != 0)
            {
                throw new ArgumentException($"Task '{task}': the loss should be a scalar. Found shape {Shape.Of(loss)}.");
            }

            if (!loss.requires_grad)
            {
                throw new ArgumentException($"Task '{task}': the loss should depend on a parameter that requires a gradient. It does not, or all that it depends on is frozen.");
            }
        }

        Values = HostValues.Of(Losses);
        foreach (var (task, value) in Values)
        {
            if (!double.IsFinite(value))
            {
                throw new NonFiniteException(task, "loss", value);
            }
        }

        return this;
    }

    /// <summary>The same batch with other losses.</summary>
    /// <param name="losses">The losses.</param>
    /// <param name="again">Makes them of this batch's losses where those are computed anew.</param>
    internal MicroBatchLosses With(TaskMap<Tensor> losses, Func<TaskMap<Tensor>, TaskMap<Tensor>> again) =>
        new MicroBatchLosses(losses, Shares) { Order = Order, Again = Again is { } own ? () => again(own()) : null }.Checked();

    /// <summary>The same, unless it has a task that a method was not built for.</summary>
    internal MicroBatchLosses OfKnown(IReadOnlyCollection<string> tasks, string method)
    {
        TaskNames.ExpectKnown(Order, tasks, method);
        return this;
    }
}
