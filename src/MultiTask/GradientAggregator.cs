using MultiTask.Balancing;
using MultiTask.Diagnostics;
using static TorchSharp.torch;

namespace MultiTask;

/// <summary>A balancer that makes one gradient of the tasks' gradients: m backward passes.</summary>
/// <remarks>
/// Parameters beside the shared ones (heads) get the gradient of their own losses, unweighted. A task whose loss does not
/// reach a shared parameter has zeros there. With no shared parameter there is nothing to aggregate.
/// </remarks>
public abstract class GradientAggregator : Balancer
{
    /// <summary>A gradient aggregator.</summary>
    /// <param name="name">The module's name, usually the class's.</param>
    protected GradientAggregator(string name)
        : base(name)
    {
    }

    /// <summary>
    /// How long the balanced gradient is; by default as the paper has it. Papers differ by factors of up to m, so that a
    /// learning rate that suits one method does not suit another.
    /// </summary>
    /// <exception cref="ArgumentOutOfRangeException">It is none of the scales.</exception>
    public GradientScale Scale { get; init => field = Arguments.Defined(value, nameof(Scale)); }

    /// <summary>One gradient of the tasks' gradients.</summary>
    /// <param name="jacobian">The gradients, <c>[m, n]</c>, m ≥ 1, n ≥ 1.</param>
    /// <returns>The gradient to apply, <c>[n]</c>.</returns>
    public abstract Tensor Aggregate(Jacobian jacobian);

    /// <inheritdoc/>
    protected internal sealed override void Differentiate(IEnumerable<MicroBatchLosses> microBatches, IReadOnlyList<Tensor> shared) =>
        Balance(microBatches, shared);

    private protected virtual void Balance(IEnumerable<MicroBatchLosses> microBatches, IReadOnlyList<Tensor> shared)
    {
        var rows = new JacobianRows(shared, othersToo: true);
        Gather(microBatches, rows, retainGraph: false);
        if (shared.Count > 0)
        {
            var jacobian = rows.ToJacobian().Finite();
            rows.Write(Owned(Scaled(Checked(Aggregate(jacobian), jacobian), jacobian)));
        }
    }

    /// <inheritdoc/>
    internal override Tensor ThroughRepresentation(string task, Tensor own, Tensor balanced) => balanced;

    /// <summary>A copy of what a method gave, which it may hold on to; none is needed where the gradient was made for nobody else.</summary>
    private protected virtual Tensor Owned(Tensor gradient) => gradient.clone();

    private protected virtual Tensor Scaled(Tensor gradient, Jacobian jacobian) =>
        Scale == GradientScale.Paper ? gradient : gradient * Scale.Factor(gradient, jacobian);

    private Tensor Checked(Tensor gradient, Jacobian jacobian) =>
        gradient.dim() == 1 && gradient.shape[0] == jacobian.Matrix.shape[1]
            ? gradient
            : throw new InvalidOperationException(
                $"{GetName()} should give a gradient of shape [{jacobian.Matrix.shape[1]}]. Found shape {Shape.Of(gradient)}.");

    internal static void Gather(IEnumerable<MicroBatchLosses> microBatches, JacobianRows rows, bool retainGraph)
    {
        using var sequence = microBatches.GetEnumerator();
        while (true)
        {
            using var scope = NewDisposeScope();
            if (!sequence.MoveNext())
            {
                return;
            }

            rows.Add(sequence.Current, retainGraph);
        }
    }
}
