using static TorchSharp.torch;

namespace MultiTask.Sharing;

/// <summary>The squared L2 distance between the parameters of each pair of tasks: (λ/2) Σ_{s&lt;t} ‖Wₛ − Wₜ‖².</summary>
/// <remarks>
/// Duong et al., <i>Low Resource Dependency Parsing: Cross-lingual Parameter Sharing in a Neural Network Parser</i> (ACL
/// 2015), for two tasks. Computed as (λT/2) Σₜ ‖Wₜ − W̄‖², which is the same number at the cost of T, not T², distances.
/// </remarks>
public sealed class L2Distance : SharingPenalty
{
    private readonly double strength;

    /// <summary>The squared distance of each pair.</summary>
    /// <param name="strength">λ ≥ 0.</param>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="strength"/> is negative or not finite.</exception>
    public L2Distance(double strength)
        : base(nameof(L2Distance))
    {
        this.strength = strength >= 0 && double.IsFinite(strength)
            ? strength
            : throw new ArgumentOutOfRangeException(nameof(strength), $"`strength` should be non-negative and finite. Found {strength}.");
    }

    /// <inheritdoc/>
    public override Tensor Of(IReadOnlyList<Tensor> layer)
    {
        ArgumentNullException.ThrowIfNull(layer);
        using var scope = NewDisposeScope();
        var stacked = stack(layer);
        var centred = stacked - stacked.mean([0L], keepdim: true);
        return (centred.square().sum() * (strength * layer.Count / 2)).MoveToOuterDisposeScope();
    }
}
