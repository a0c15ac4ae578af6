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
    protected internal sealed override void Differentiate(IEnumerable<MicroBatchLosses> microBatches, IReadOnlyList<Tensor> shared)
    {
        ArgumentNullException.ThrowIfNull(microBatches);
        ArgumentNullException.ThrowIfNull(shared);
        var rows = new JacobianRows(shared, othersToo: true);
        using var sequence = microBatches.GetEnumerator();
        for (var isFirst = true; ; isFirst = false)
        {
            using var scope = NewDisposeScope();
            if (!sequence.MoveNext())
            {
                break;
            }

            if (isFirst && Together(sequence.Current, shared) is { } balance)
            {
                balance(ToList(sequence));
                return;
            }

            rows.Add(sequence.Current, retainGraph: false);
        }

        if (shared.Count > 0)
        {
            var jacobian = Finite(rows.ToJacobian());
            rows.Write(Owned(Scaled(Checked(Aggregate(jacobian), jacobian), jacobian)));
        }
    }

    /// <summary>What does all the work, where it needs the graphs of all micro-batches together; usually nothing does.</summary>
    private protected virtual Action<IReadOnlyList<MicroBatchLosses>>? Together(MicroBatchLosses first, IReadOnlyList<Tensor> shared) => null;

    /// <inheritdoc/>
    internal override Tensor ThroughRepresentation(string task, Tensor own, Tensor balanced) => balanced;

    /// <summary>The same, unless an entry is NaN or infinite.</summary>
    private protected virtual Jacobian Finite(Jacobian jacobian) => jacobian.Finite();

    /// <summary>A copy of what a method gave, which it may hold on to; none is needed where the gradient was made for nobody else.</summary>
    private protected virtual Tensor Owned(Tensor gradient) => gradient.clone();

    private protected virtual Tensor Scaled(Tensor gradient, Jacobian jacobian) =>
        Scale == GradientScale.Paper ? gradient : gradient * Scale.Factor(gradient, jacobian);

    private Tensor Checked(Tensor gradient, Jacobian jacobian) =>
        gradient.dim() == 1 && gradient.size(0) == jacobian.Length
            ? gradient
            : throw new InvalidOperationException(
                $"{GetName()} should give a gradient of shape [{jacobian.Length}]. Found shape {Shape.Of(gradient)}.");

    private static List<MicroBatchLosses> ToList(IEnumerator<MicroBatchLosses> sequence)
    {
        List<MicroBatchLosses> all = [sequence.Current];
        while (sequence.MoveNext())
        {
            all.Add(sequence.Current);
        }

        return all;
    }

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
