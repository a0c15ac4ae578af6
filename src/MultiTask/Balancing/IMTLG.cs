using MultiTask.Numerics;

namespace MultiTask.Balancing;

/// <summary>IMTL-G: the combination of the gradients whose projections on all of them are equal.</summary>
/// <remarks>
/// <para>
/// Liu et al., <i>Towards Impartial Multi-Task Learning</i> (ICLR 2021): weights with Σ w = 1 and uᵢ · d the same for all
/// tasks, uᵢ = gᵢ / ‖gᵢ‖. That is v = G⁺ √diag(G), divided by Σ v. The pseudo-inverse is that of the cosine matrix, so that a
/// task's scale does not change the line of d. The paper's hybrid, IMTL, is this in <see cref="IMTLL"/>:
/// <c>new IMTLL(tasks, new IMTLG())</c>. Weights may be negative.
/// </para>
/// <para>
/// <b>Where we differ from the paper.</b> With three tasks or more Σ v may be negative, when a small gradient lies between larger
/// ones. Divided by it, d <i>ascends</i> on every task; other libraries do that. Here the sign is that of v, which descends on
/// every task, and Σ |w| = 1. <see cref="AscentAvoided"/> says that it happened. So it is where Σ v vanishes, and the paper's
/// weights have no bound.
/// </para>
/// <para>
/// A task whose gradient is exactly zero is left out and gets the weight 0; where all are zero, the weights are 1/m. Of linearly
/// dependent gradients the projections are as equal as they can be (least squares); where none differs from 0, as for two opposite
/// gradients, wᵢ is in proportion to 1/‖gᵢ‖ and d is 0. Such cases are told from others by a tolerance, and d jumps there.
/// </para>
/// </remarks>
public sealed class IMTLG : GramianWeighting
{
    private const double Rounding = 1e-9;

    /// <summary>IMTL-G.</summary>
    public IMTLG()
        : base(nameof(IMTLG))
    {
    }

    /// <summary>Whether the paper's weights, in the last step, would have ascended on every task; they were not taken.</summary>
    public bool AscentAvoided { get; private set; }

    /// <inheritdoc/>
    public override double[] Weigh(Gramian gramian)
    {
        ArgumentNullException.ThrowIfNull(gramian);
        AscentAvoided = false;
        var units = new UnitGradients(gramian);
        if (units.Rows.Length == 0)
        {
            return [.. Enumerable.Repeat(1.0 / gramian.Count, gramian.Count)];
        }

        double[] ones = [.. units.Rows.Select(_ => 1.0)];
        var (x, projections) = units.WithProjections(ones);
        var v = units.ToWeights(projections.Any(p => Math.Abs(p) > Rounding) ? x : ones, units.Norms.Min());
        var sum = v.Sum();
        var size = v.Sum(Math.Abs);
        AscentAvoided = sum <= Rounding * size;
        return Array.ConvertAll(v, value => value / (AscentAvoided ? size : sum));
    }
}
