using MultiTask.Diagnostics;
using MultiTask.Numerics;

namespace MultiTask.Balancing;

/// <summary>FairGrad: the loss decreases of the tasks are shared out by α-fairness.</summary>
/// <remarks>
/// <para>
/// Ban and Ji, <i>Fair Resource Allocation in Multi-Task Learning</i> (ICML 2024): d = Σ wᵢgᵢ with Gw = w^(−1/α), the direction
/// in a ball that maximises Σ (gᵢ·d)^(1−α)/(1−α). α → 0 is the sum of the gradients, α = 1 is <see cref="NashMTL"/>, α = 2 is minimum
/// potential delay, and for α → ∞ the least gain counts, in the direction of <see cref="MGDA"/>. All gradients times s give d
/// times s^((1−α)/(1+α)): for α > 1 small gradients make long steps.
/// </para>
/// <para>
/// Solved exactly, by Newton's method. The authors' code solves by least squares, multiplies d by m and clips it to the length 1;
/// LibMTL has no factor. Like LibMTL's, its default is α = 1, but its scripts have 2, which is the default here. LibMTL weighs
/// the heads' losses by w too: set <see cref="GramianWeighting.WeightHeads"/> for that; here it is off by default. The paper has no
/// preferences. At a Pareto-stationary point there is no solution: see <see cref="NashMTL"/>. A gradient that is zero is left out
/// and has the weight 0.
/// </para>
/// </remarks>
public sealed class FairGrad : GramianWeighting
{
    private readonly double alpha;

    /// <summary>FairGrad.</summary>
    /// <param name="alpha">α > 0: the greater, the more the worst-off tasks count; the default is 2.</param>
    /// <exception cref="ArgumentException"><paramref name="alpha"/> is not positive and finite.</exception>
    public FairGrad(double alpha = 2)
        : base(nameof(FairGrad)) => this.alpha = Arguments.Positive(alpha, nameof(alpha));

    /// <inheritdoc/>
    public override double[] Weigh(Gramian gramian)
    {
        ArgumentNullException.ThrowIfNull(gramian);
        return Bargaining.Solve(gramian, [.. Enumerable.Repeat(1.0, gramian.Count)], 1 / alpha).Weights;
    }
}
