using MultiTask.Balancing;
using MultiTask.Diagnostics;
using MultiTask.Numerics;
using static TorchSharp.torch;

namespace MultiTask;

/// <summary>
/// A balancer that weighs the tasks' gradients by what the inner products of independent samples of them say: m backward
/// passes through each sample.
/// </summary>
/// <remarks>
/// <para>
/// A batch's own noise is in each product of its gradients, and biases weights that are found from them. Products of the
/// gradients of one sample with those of another have no such bias. The samples are the step's micro-batches (with the trainer,
/// <c>AccumulateBatches = 3</c>; batches that are shuffled), each scaled so that it estimates the gradient of the whole batch:
/// </para>
/// <list type="bullet">
/// <item>three or more are dealt in turn to three samples: ξ and ξ′ for the weights, ζ for the step, independent of both;</item>
/// <item>two are ξ and ξ′, and the step goes along the mean of both, as in the authors' code of <see cref="MoDo"/>;</item>
/// <item>one is all three: the method as for gradients without noise, which a batch of all data has. Otherwise it is biased.</item>
/// </list>
/// <para>
/// A task that has no label in one of the samples has there the gradient of the whole batch. Parameters beside the shared ones
/// (heads) get the gradient of their own losses of all micro-batches, unweighted. <see cref="Balancer.LastGramian"/> is
/// that of the whole batch.
/// </para>
/// </remarks>
public abstract class StochasticWeighting : Balancer
{
    /// <summary>A stochastic weighting.</summary>
    /// <param name="name">The module's name, usually the class's.</param>
    protected StochasticWeighting(string name)
        : base(name)
    {
    }

    /// <summary>How long the balanced gradient is; by default as the paper has it.</summary>
    /// <exception cref="ArgumentOutOfRangeException">It is none of the scales.</exception>
    public GradientScale Scale { get; init => field = Arguments.Defined(value, nameof(Scale)); }

    /// <summary>The weights of the gradients.</summary>
    /// <param name="losses">The values of the losses, by task, in the order of the rows.</param>
    /// <param name="products">gᵢ(ξ) · gⱼ(ξ′), m × m, finite; symmetric where there is one sample only.</param>
    /// <returns>m weights w: the gradient to apply is Σ wᵢ gᵢ(ζ).</returns>
    public abstract double[] Weigh(TaskMap<double> losses, double[,] products);

    /// <inheritdoc/>
    internal sealed override Tensor ThroughRepresentation(string task, Tensor own, Tensor balanced) => own * LastWeights![task];

    /// <inheritdoc/>
    protected internal sealed override void Differentiate(IEnumerable<MicroBatchLosses> microBatches, IReadOnlyList<Tensor> shared)
    {
        ArgumentNullException.ThrowIfNull(microBatches);
        ArgumentNullException.ThrowIfNull(shared);
        using var scope = NewDisposeScope();
        var samples = GradientSample.Deal(microBatches, shared, most: 3);
        if (shared.Count == 0 || samples.Count == 0)
        {
            return;
        }

        var rows = GradientSample.Together(samples, shared);
        var whole = rows.ToJacobian().Finite();
        LastGramian = whole.ToGramian();
        var (xi, other, zeta) = samples.Count switch
        {
            1 => (whole, whole, whole),
            2 => (Estimate(0), Estimate(1), whole),
            _ => (Estimate(0), Estimate(1), Estimate(2)),
        };
        LastWeights = TaskWeights.Checked(Weigh(whole.Losses, RowProducts.Of(xi.Matrix, other.Matrix)), whole.Losses, this);
        var gradient = zeta.Combine(LastWeights.Values);
        var factor = Scale.Factor(gradient, zeta);
        rows.Write(factor == 1 ? gradient : gradient * factor);
        LastWeights = LastWeights.Map((_, w) => w * factor);

        Jacobian Estimate(int k) => samples[k].Estimate(whole);
    }
}
