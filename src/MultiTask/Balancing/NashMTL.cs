using MultiTask.Numerics;

namespace MultiTask.Balancing;

/// <summary>Nash-MTL: the tasks bargain, and every task's gain counts by its ratio.</summary>
/// <remarks>
/// <para>
/// Navon et al., <i>Multi-Task Learning as a Bargaining Game</i> (ICML 2022): d = Σ αᵢgᵢ with Gα = 1/α, the direction in a ball
/// that maximises Σ log(gᵢ·d). It does not see the scale of a task's loss. ‖d‖ = √m (of m gradients that are not zero), however small the gradients are: use a
/// learning rate that falls. Preferences p are the weights of asymmetric bargaining, Σ pᵢ log(gᵢ·d) and Gα = p/α, scaled to the
/// sum m; the paper has equal ones.
/// </para>
/// <para>
/// Solved exactly, by Newton's method. The authors' code and LibMTL approximate it by 20 linearised problems of a general solver,
/// keep the old weights silently when that fails, and clip d to the length 1: for that, set the trainer's gradient clipping. They
/// weigh the heads' losses by α too: set <see cref="GramianWeighting.WeightHeads"/> for that; here it is off by default.
/// </para>
/// <para>
/// At a Pareto-stationary point (a convex combination of gradients is 0) there is no bargain; then the diagonal of G,
/// enlarged relatively by rounding, bounds α‖g‖ by about 10⁷, and d is 0 but for rounding, which in float32 is all that is
/// left of such sums. A gradient that is zero is left out and has the weight 0.
/// </para>
/// </remarks>
public sealed class NashMTL : GramianWeighting
{
    private readonly Preferences preferences;

    /// <summary>Nash-MTL.</summary>
    /// <param name="preferences">The tasks' bargaining power, positive; only the ratios count. By default they are equal.</param>
    /// <exception cref="ArgumentException">A preference is not positive and finite.</exception>
    public NashMTL(TaskMap<double>? preferences = null)
        : base(nameof(NashMTL)) => this.preferences = new(preferences, nameof(NashMTL));

    /// <inheritdoc/>
    /// <exception cref="ArgumentException">Preferences were given, but none for one of the tasks.</exception>
    public override double[] Weigh(Gramian gramian)
    {
        ArgumentNullException.ThrowIfNull(gramian);
        var power = Array.ConvertAll(preferences.Of(gramian.Tasks), p => p * gramian.Count);
        return Bargaining.Solve(gramian, power, q: 1).Weights;
    }
}
