using MultiTask.Diagnostics;
using static TorchSharp.torch;

namespace MultiTask.Balancing;

/// <summary>Penalty-based boundary intersection: how far the losses are along the preferred direction, and how far off it.</summary>
/// <remarks>
/// Zhang and Li, <i>MOEA/D</i> (IEEE Transactions on Evolutionary Computation, 2007), section II: d₁ + θ d₂ with d₁ = (ℓ − z*)·λ/‖λ‖
/// and d₂ = ‖ℓ − z* − d₁ λ/‖λ‖‖. With a large θ its minimum is where the ray from z* along λ meets the Pareto front,
/// concave or not: the losses are then in proportion to λ, so a <em>greater</em> λᵢ allows task i a greater loss, contrary
/// to <see cref="Tchebycheff"/>. The paper takes the absolute value of d₁; the same as long as z* bounds the losses from
/// below, and where it does not, losses should still fall. On the ray itself d₂ has no gradient and counts as flat (others
/// add an ε under the root).
/// </remarks>
public sealed class PBI : Scalarizer
{
    private readonly double theta;
    private readonly Preferences preferences;
    private readonly IdealPoint ideal;

    /// <summary>Penalty-based boundary intersection.</summary>
    /// <param name="theta">θ ≥ 0, the weight of the distance from the ray; the paper's default is 5.</param>
    /// <param name="preferences">λ, by task: positive; only their ratios count. The same for all by default.</param>
    /// <param name="ideal">z*, by task: the best loss that each could reach, or less. 0 by default.</param>
    /// <exception cref="ArgumentException">θ is negative, a preference not positive and finite, or an ideal loss not finite.</exception>
    public PBI(double theta = 5, TaskMap<double>? preferences = null, TaskMap<double>? ideal = null)
        : base(nameof(PBI))
    {
        this.theta = Arguments.NonNegative(theta, nameof(theta));
        this.preferences = new(preferences, nameof(PBI));
        this.ideal = new(ideal, nameof(PBI));
    }

    /// <inheritdoc/>
    /// <exception cref="ArgumentException">A task has no preference or no ideal loss, but others were given one.</exception>
    public override Tensor Scalarize(TaskMap<Tensor> losses)
    {
        ArgumentNullException.ThrowIfNull(losses);
        var vector = LossVector.Of(losses);
        var f = vector - LossVector.Beside(vector, ideal.Of(losses.Tasks));
        var lambda = LossVector.Beside(vector, preferences.Of(losses.Tasks));
        var direction = lambda / lambda.norm();
        var d1 = (f * direction).sum();
        var d2 = (f - (d1 * direction)).norm();
        return d1 + (theta * d2);
    }
}
