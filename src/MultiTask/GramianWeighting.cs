using MultiTask.Balancing;
using MultiTask.Diagnostics;
using static TorchSharp.torch;

namespace MultiTask;

/// <summary>A balancer that weighs the tasks' gradients by what their inner products say: m backward passes.</summary>
public abstract class GramianWeighting : GradientAggregator
{
    /// <summary>A Gramian weighting.</summary>
    /// <param name="name">The module's name, usually the class's.</param>
    protected GramianWeighting(string name)
        : base(name)
    {
    }

    /// <summary>
    /// Whether each head's gradient is multiplied by its task's weight, as if Σ wᵢ ℓᵢ were differentiated; by default it is
    /// not. It costs one more backward pass, and keeps the graphs of all micro-batches until the weights are known.
    /// </summary>
    public bool WeightHeads { get; init; }

    /// <summary>
    /// How many bytes the gradients of all tasks may take at once; 1 GiB by default, at least 1. If they are larger, they are never there
    /// together: their inner products are summed over parts of the parameters that fit (one parameter at least), for which all m
    /// backward passes are made anew; then one pass differentiates the losses of the heads and one the weighted losses. The result is
    /// the same, but for rounding.
    /// </summary>
    /// <remarks>
    /// The passes for a part end where its parameters are, so that those of the last layers cost little. Beside the budget it takes no memory
    /// that a plain step does not take. A batch that is read in several micro-batches is not taken in parts, for it would need the
    /// graphs of them all.
    /// </remarks>
    /// <exception cref="ArgumentOutOfRangeException">It is below 1.</exception>
    public long MemoryBudget { get; init => field = Arguments.AtLeastOne(value, nameof(MemoryBudget)); } = 1L << 30;

    /// <summary>The weights of the gradients.</summary>
    /// <param name="gramian">The inner products of the gradients, m × m, m ≥ 1.</param>
    /// <returns>m weights w: the gradient to apply is Σ wᵢ gᵢ.</returns>
    public abstract double[] Weigh(Gramian gramian);

    /// <inheritdoc/>
    public sealed override Tensor Aggregate(Jacobian jacobian)
    {
        ArgumentNullException.ThrowIfNull(jacobian);
        return jacobian.Combine(FindWeights(Gramian.Of(jacobian)));
    }

    /// <inheritdoc/>
    internal sealed override Tensor ThroughRepresentation(string task, Tensor own, Tensor balanced) => WeightHeads ? own : own * LastWeights![task];

    /// <inheritdoc/>
    private protected sealed override Action<IReadOnlyList<MicroBatchLosses>>? Together(MicroBatchLosses first, IReadOnlyList<Tensor> shared)
    {
        var blocks = Blocks(shared, first.Order.Count);
        return shared.Count > 0 && (WeightHeads || (blocks.Count > 1 && first.IsWhole)) ? batches => Balance(batches, blocks, shared) : null;
    }

    /// <summary>Finds the weights block by block, then differentiates the weighted losses.</summary>
    private void Balance(IReadOnlyList<MicroBatchLosses> batches, IReadOnlyList<IReadOnlyList<Tensor>> blocks, IReadOnlyList<Tensor> shared)
    {
        FindWeights(Gramian.Sum(blocks.Select(GramianOf)));
        foreach (var batch in batches)
        {
            using var scope = NewDisposeScope();
            if (WeightHeads)
            {
                batch.Backward(LastWeights!);
            }
            else
            {
                batch.Backward(LastWeights!, shared);
            }
        }

        Gramian GramianOf(IReadOnlyList<Tensor> block)
        {
            using var scope = NewDisposeScope();
            var rows = new JacobianRows(block, othersToo: false);
            Gather(batches, rows, retainGraph: true);
            return Gramian.Of(rows.ToJacobian());
        }
    }

    /// <summary>Its Gramian will tell.</summary>
    private protected sealed override Jacobian Finite(Jacobian jacobian) => jacobian;

    /// <inheritdoc/>
    private protected sealed override Tensor Owned(Tensor gradient) => gradient;

    /// <summary>The weights are scaled already.</summary>
    private protected sealed override Tensor Scaled(Tensor gradient, Jacobian jacobian) => gradient;

    /// <summary>The shared parameters, in order, in parts whose gradients fit into the budget; one parameter at least in each.</summary>
    private List<List<Tensor>> Blocks(IReadOnlyList<Tensor> shared, int tasks)
    {
        List<List<Tensor>> blocks = [];
        var (room, entry) = (0L, shared.Select(leaf => leaf.ElementSize).DefaultIfEmpty().Max());
        foreach (var leaf in shared)
        {
            var size = tasks * leaf.numel() * entry;
            if (blocks.Count == 0 || size > room)
            {
                blocks.Add([]);
                room = MemoryBudget;
            }

            blocks[^1].Add(leaf);
            room -= size;
        }

        return blocks;
    }

    private IReadOnlyList<double> FindWeights(Gramian gramian)
    {
        LastGramian = gramian;
        LastWeights = TaskWeights.Checked(Scaled(Weigh(gramian), gramian), gramian.Losses, this);
        return LastWeights.Values;
    }

    private double[] Scaled(double[] weights, Gramian gramian)
    {
        if (Scale == GradientScale.Paper || weights.Length != gramian.Count)
        {
            return weights;
        }

        var factor = Scale.Factor(gramian.NormOf(weights), gramian.NormOf([.. weights.Select(_ => 1.0)]), gramian.Count);
        return Array.ConvertAll(weights, w => w * factor);
    }
}
