using MultiTask.Diagnostics;
using static TorchSharp.torch;

namespace MultiTask.Sharing;

/// <summary>Joint feature selection: all tasks use a feature, or none does: λ Σⱼ ‖Wⱼ‖₂, with Wⱼ all tasks' weights of feature j (ℓ₂,₁).</summary>
/// <remarks>
/// Obozinski, Taskar and Jordan, <i>Joint Covariate Selection and Joint Subspace Selection for Multiple Classification
/// Problems</i> (2010); Argyriou, Evgeniou and Pontil, <i>Multi-Task Feature Learning</i> (NIPS 2006). The gradient of a group
/// that is 0 is taken as 0; the proximal step shortens each group by step × λ, those that are shorter to exactly 0. A
/// parameter without the dimension of the group, such as a bias for <see cref="FeatureGroup.Input"/>, goes by entries.
/// </remarks>
public sealed class JointFeatureSelection : ProximalPenalty
{
    private readonly double strength;
    private readonly FeatureGroup group;

    /// <summary>Joint feature selection.</summary>
    /// <param name="strength">λ ≥ 0.</param>
    /// <param name="group">What a feature is; an entry by default.</param>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="strength"/> is negative or not finite, or there is no such group.</exception>
    public JointFeatureSelection(double strength, FeatureGroup group = FeatureGroup.Entry)
        : base(nameof(JointFeatureSelection))
    {
        this.strength = Arguments.NonNegative(strength, nameof(strength));
        this.group = Enum.IsDefined(group)
            ? group
            : throw new ArgumentOutOfRangeException(nameof(group), $"`group` should be one of {string.Join(", ", Enum.GetNames<FeatureGroup>())}. Found {group}.");
    }

    /// <inheritdoc/>
    public override Tensor Of(SharedLayer layer)
    {
        ArgumentNullException.ThrowIfNull(layer);
        using var scope = NewDisposeScope();
        var stacked = layer.Stacked();
        return ((stacked * Directions(stacked.detach())).sum() * strength).MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    protected override Tensor Nearest(SharedLayer layer, double step)
    {
        ArgumentNullException.ThrowIfNull(layer);
        var stacked = layer.Stacked();
        var lengths = Lengths(stacked);
        return stacked * (1 - (step * strength / lengths)).clamp_min(0);
    }

    /// <summary>Each group divided by its length, 0 for 0: the norm's gradient, whose product with the parameters is the norm.</summary>
    private Tensor Directions(Tensor stacked) => stacked / Lengths(stacked);

    /// <summary>The groups' lengths, 1 where they are 0.</summary>
    private Tensor Lengths(Tensor stacked)
    {
        var kept = group switch
        {
            FeatureGroup.Input => 2,
            FeatureGroup.Unit => 1,
            _ => int.MaxValue,
        };
        var all = Enumerable.Range(0, stacked.shape.Length).Select(d => (long)d);
        var lengths = stacked.square().sum(kept < stacked.shape.Length ? [.. all.Where(d => d != kept)] : [0L], keepdim: true).sqrt();
        return lengths.masked_fill(lengths.eq(0), 1);
    }
}
