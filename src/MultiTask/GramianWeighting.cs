using MultiTask.Balancing;
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

    /// <summary>The weights of the gradients.</summary>
    /// <param name="gramian">The inner products of the gradients, m × m, m ≥ 1.</param>
    /// <returns>m weights w: the gradient to apply is Σ wᵢ gᵢ.</returns>
    public abstract double[] Weigh(Gramian gramian);

    /// <inheritdoc/>
    public sealed override Tensor Aggregate(Jacobian jacobian)
    {
        ArgumentNullException.ThrowIfNull(jacobian);
        return jacobian.Combine(FindWeights(jacobian));
    }

    /// <inheritdoc/>
    internal sealed override Tensor ThroughRepresentation(string task, Tensor own, Tensor balanced) => WeightHeads ? own : own * LastWeights![task];

    private protected sealed override void Balance(IEnumerable<MicroBatchLosses> microBatches, IReadOnlyList<Tensor> shared)
    {
        if (!WeightHeads || shared.Count == 0)
        {
            base.Balance(microBatches, shared);
            return;
        }

        var batches = microBatches.ToList();
        var rows = new JacobianRows(shared, othersToo: false);
        Gather(batches, rows, retainGraph: true);
        FindWeights(rows.ToJacobian());
        foreach (var batch in batches)
        {
            using var scope = NewDisposeScope();
            batch.Backward(LastWeights!);
        }
    }

    /// <inheritdoc/>
    private protected sealed override Tensor Owned(Tensor gradient) => gradient;

    /// <summary>The weights are scaled already.</summary>
    private protected sealed override Tensor Scaled(Tensor gradient, Jacobian jacobian) => gradient;

    private IReadOnlyList<double> FindWeights(Jacobian jacobian)
    {
        LastGramian = Gramian.Of(jacobian);
        LastWeights = TaskWeights.Checked(Scaled(Weigh(LastGramian), LastGramian), jacobian.Losses, this);
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
