using static TorchSharp.torch;

namespace MultiTask.Balancing;

/// <summary>One step of gradient descent that is taken back, and how held-out losses after it depend on the weights that made it.</summary>
/// <remarks>
/// θ′ = θ − η Σ wₖ ∇ℓₖ(θ) is linear in w, so ∂F(θ′)/∂wₖ = −η ∇F(θ′)·∇ℓₖ(θ) exactly: inner products of gradients, and no
/// second derivative. The gradients ∇ℓₖ(θ) are those that the step of the optimizer needs anyway.
/// </remarks>
internal sealed class VirtualStep
{
    private readonly JacobianRows rows;
    private readonly IReadOnlyList<Tensor> leaves;
    private readonly HeldOutLosses heldOut;

    /// <summary>Differentiates a batch. Leaves beside these get the gradient of their own losses, unweighted.</summary>
    /// <param name="microBatches">The batch.</param>
    /// <param name="leaves">The leaves to differentiate by.</param>
    /// <param name="heldOut">The held-out losses.</param>
    public VirtualStep(IEnumerable<MicroBatchLosses> microBatches, IReadOnlyList<Tensor> leaves, HeldOutLosses heldOut)
    {
        (this.leaves, this.heldOut) = (leaves, heldOut);
        rows = new(leaves, othersToo: true);
        GradientAggregator.Gather(microBatches, rows, retainGraph: false);
        Gradients = rows.ToJacobian().Finite();
    }

    /// <summary>The training losses' gradients at θ.</summary>
    public Jacobian Gradients { get; }

    /// <summary>∂Fᵢ(θ′)/∂wₖ.</summary>
    /// <param name="weights">w, for the tasks of the batch.</param>
    /// <param name="stepSize">η.</param>
    /// <param name="tasks">The tasks of F.</param>
    /// <param name="known">All tasks of the method.</param>
    /// <param name="sum">Whether F is the sum over the tasks: then there is one row.</param>
    public double[,] Slopes(IReadOnlyList<double> weights, double stepSize, IReadOnlyList<string> tasks, IReadOnlyList<string> known, bool sum)
    {
        using var scope = NewDisposeScope();
        var upper = After(Gradients.Combine(weights));
        var products = HeldOutLosses.Products(upper, Gradients);
        var slopes = new double[upper.Tasks.Count, weights.Count];
        for (var i = 0; i < slopes.GetLength(0); i++)
        {
            for (var k = 0; k < weights.Count; k++)
            {
                slopes[i, k] = -stepSize * products[i, slopes.GetLength(0) + k];
            }
        }

        return slopes;

        Jacobian After(Tensor direction)
        {
            using var parameters = new TensorCopies(leaves);
            parameters.Move(direction, -stepSize);
            return heldOut.Gradients(tasks, known, leaves, sum);
        }
    }

    /// <summary>Accumulates Σ wₖ ∇ℓₖ(θ) onto the <c>.grad</c> of the leaves that a loss has reached.</summary>
    public void Write(IReadOnlyList<double> weights) => rows.Write(Gradients.Combine(weights));
}
