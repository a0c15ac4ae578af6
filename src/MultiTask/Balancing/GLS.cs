using MultiTask.Numerics;
using static TorchSharp.torch;

namespace MultiTask.Balancing;

/// <summary>Geometric loss strategy: the geometric mean of the losses, (Π ℓᵢ)^(1/m).</summary>
/// <remarks>
/// Chennupati et al., <i>MultiNet++</i> (CVPR Workshops 2019), eq. 2. The scale of a task's loss does not change the
/// direction of the step. Computed as exp of the mean logarithm, so that many small losses do not underflow. Losses
/// must be positive.
/// </remarks>
public sealed class GLS : Scalarizer
{
    /// <summary>The geometric mean of the losses.</summary>
    public GLS()
        : base(nameof(GLS))
    {
    }

    /// <inheritdoc/>
    /// <exception cref="ArgumentException">A loss is not positive.</exception>
    public override Tensor Scalarize(TaskMap<Tensor> losses)
    {
        ArgumentNullException.ThrowIfNull(losses);
        PositiveLosses.Expect(HostValues.Of(losses), nameof(GLS));
        return stack(losses.Values).log().mean().exp();
    }
}
