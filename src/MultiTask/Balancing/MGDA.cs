using MultiTask.Numerics;

namespace MultiTask.Balancing;

/// <summary>MGDA: the shortest vector in the convex hull of the gradients, which descends on every task.</summary>
/// <remarks>
/// Désidéri, <i>Multiple-gradient descent algorithm</i> (2012); Sener and Koltun, <i>Multi-Task Learning as Multi-Objective
/// Optimization</i> (NeurIPS 2018), eq. 3: weights w ≥ 0, Σ w = 1 that minimise ‖Σ wᵢ gᵢ‖. Found exactly, by Wolfe's
/// algorithm; the iterations of LibMTL and TorchJD end early, and then may conflict with a task. The step is never longer
/// than the smallest gradient, so tasks with large gradients are all but ignored. A task whose gradient is exactly zero is
/// left out and gets the weight 0 (by the letter it would get all of it, and training would stop); where all are zero, the
/// weights are 1/m.
/// </remarks>
public sealed class MGDA : GramianWeighting
{
    /// <summary>MGDA.</summary>
    public MGDA()
        : base(nameof(MGDA))
    {
    }

    /// <inheritdoc/>
    public override double[] Weigh(Gramian gramian)
    {
        ArgumentNullException.ThrowIfNull(gramian);
        return MinNorm.Solve(gramian).Weights;
    }
}
