using MultiTask.Diagnostics;
using static TorchSharp.torch;

namespace MultiTask.Sharing;

/// <summary>The squared L2 distance between the parameters of each pair of tasks: (λ/2) Σ_{s&lt;t} ‖Wₛ − Wₜ‖².</summary>
/// <remarks>
/// Duong et al., <i>Low Resource Dependency Parsing: Cross-lingual Parameter Sharing in a Neural Network Parser</i> (ACL
/// 2015), for two tasks. Computed as (λT/2) Σₜ ‖Wₜ − W̄‖², which is the same number at the cost of T, not T², distances.
/// </remarks>
public sealed class L2Distance : ProximalPenalty
{
    private readonly double strength;

    /// <summary>The squared distance of each pair.</summary>
    /// <param name="strength">λ ≥ 0.</param>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="strength"/> is negative or not finite.</exception>
    public L2Distance(double strength)
        : base(nameof(L2Distance)) => this.strength = Arguments.NonNegative(strength, nameof(strength));

    /// <inheritdoc/>
    public override Tensor Of(SharedLayer layer)
    {
        ArgumentNullException.ThrowIfNull(layer);
        using var scope = NewDisposeScope();
        var stacked = layer.Stacked();
        var centred = stacked - stacked.mean([0L], keepdim: true);
        return (centred.square().sum() * (strength * layer.Parameters.Count / 2)).MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    protected override Tensor Nearest(SharedLayer layer, double step)
    {
        ArgumentNullException.ThrowIfNull(layer);
        var stacked = layer.Stacked();
        var mean = stacked.mean([0L], keepdim: true);
        return mean + ((stacked - mean) / (1 + (step * strength * layer.Parameters.Count)));
    }
}
