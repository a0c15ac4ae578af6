using MultiTask.Diagnostics;
using static TorchSharp.torch;

namespace MultiTask.Sharing;

/// <summary>
/// A dirty model: the tasks' parameters are a part B whose features all tasks share and a sparse part S of their own,
/// min over S + B = W of λ_b ‖B‖₁,∞ + λ_s ‖S‖₁,₁.
/// </summary>
/// <remarks>
/// <para>
/// Jalali, Ravikumar, Sanghavi and Ruan, <i>A Dirty Model for Multi-task Learning</i> (NIPS 2010). Where the paper learns B
/// and S, we put in the best for given W. It has a closed form: with |w|₍₁₎ ≥ |w|₍₂₎ ≥ … the tasks' weights of one entry and
/// k = ⌊λ_b/λ_s⌋, B is w clipped to ±|w|₍ₖ₊₁₎, and the entry costs λ_s (|w|₍₁₎ + … + |w|₍ₖ₎) + (λ_b − k λ_s) |w|₍ₖ₊₁₎. So
/// the towers hold W, and <see cref="Parts"/> tells B and S.
/// </para>
/// <para>
/// With λ_b ≤ λ_s all is shared (ℓ₁,∞), with λ_b ≥ T λ_s nothing is (the lasso, task by task). The proximal step takes from
/// each entry its projection to the ball of the dual norm, |u| ≤ step λ_s and Σ|u| ≤ step λ_b. At kinks the gradient is a
/// subgradient, 0 at 0.
/// </para>
/// </remarks>
public sealed class DirtyModel : ProximalPenalty
{
    private readonly double block;
    private readonly double sparse;

    /// <summary>A dirty model.</summary>
    /// <param name="block">λ_b ≥ 0: what the shared part costs.</param>
    /// <param name="sparse">λ_s ≥ 0: what the tasks' own parts cost.</param>
    /// <exception cref="ArgumentOutOfRangeException">One is negative or not finite.</exception>
    public DirtyModel(double block, double sparse)
        : base(nameof(DirtyModel))
    {
        this.block = Arguments.NonNegative(block, nameof(block));
        this.sparse = Arguments.NonNegative(sparse, nameof(sparse));
    }

    /// <inheritdoc/>
    public override Tensor Of(SharedLayer layer)
    {
        ArgumentNullException.ThrowIfNull(layer);
        using var scope = NewDisposeScope();
        var stacked = layer.Stacked();
        return (stacked * Gradient(stacked.detach())).sum().MoveToOuterDisposeScope();
    }

    /// <summary>The shared part B and the tasks' own part S of the parameters, B + S = W.</summary>
    /// <param name="layer">The layer.</param>
    /// <returns>Tensors <c>[T, …]</c>, without a graph.</returns>
    public (Tensor Block, Tensor Sparse) Parts(SharedLayer layer)
    {
        ArgumentNullException.ThrowIfNull(layer);
        using var scope = NewDisposeScope();
        using var off = no_grad();
        var stacked = layer.Stacked();
        var kept = Kept(stacked.shape[0]);
        var bound = kept < stacked.shape[0] ? stacked.abs().sort(dim: 0, descending: true).Values[kept] : zeros_like(stacked[0]);
        var shared = stacked.sign() * minimum(stacked.abs(), bound);
        return (shared.MoveToOuterDisposeScope(), (stacked - shared).MoveToOuterDisposeScope());
    }

    /// <inheritdoc/>
    protected override Tensor Nearest(SharedLayer layer, double step)
    {
        ArgumentNullException.ThrowIfNull(layer);
        var stacked = layer.Stacked();
        var size = stacked.abs();
        var (most, sum) = (step * sparse, step * block);

        // |u| = min(most, (|w| − θ)⁺), with the least θ ≥ 0 for which Σ|u| ≤ sum. Σ|u| falls with θ, in straight lines between
        // these points.
        var points = cat([zeros_like(size[..1]), size, (size - most).clamp_min(0)]).sort(dim: 0, descending: false).Values;
        var sums = stack(points.unbind(0).Select(theta => (size - theta).clamp(0, most).sum(dim: 0L)));
        var last = sums.ge(sum).sum(dim: 0L, keepdim: true) - 1;
        var from = last.clamp_min(0);
        var to = (last + 1).clamp(0, points.shape[0] - 1);
        var (above, below) = (sums.gather(0, from), sums.gather(0, to));
        var (start, end) = (points.gather(0, from), points.gather(0, to));
        var slope = (above - below).masked_fill(above.le(below), 1);
        var theta = start + ((above - sum).clamp_min(0) / slope * (end - start));
        return stacked - (stacked.sign() * (size - theta).clamp(0, most));
    }

    /// <summary>k, the number of tasks whose own part an entry may have.</summary>
    private int Kept(long tasks) => sparse == 0 ? (int)tasks : (int)Math.Min(block / sparse, tasks);

    /// <summary>The sign of each weight × the cost of its rank among the tasks' of the entry: its product with W is the norm.</summary>
    private Tensor Gradient(Tensor stacked)
    {
        var kept = Kept(stacked.shape[0]);
        var costs = Enumerable.Range(0, (int)stacked.shape[0]).Select(rank => rank < kept ? sparse : rank == kept ? block - (kept * sparse) : 0).ToArray();
        var ranks = stacked.abs().argsort(dim: 0, descending: true).argsort(dim: 0);
        var byRank = tensor(costs, dtype: ScalarType.Float64).to(stacked.dtype).to(stacked.device);
        return stacked.sign() * byRank.index_select(0, ranks.flatten()).reshape(stacked.shape);
    }
}
