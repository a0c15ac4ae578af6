using MultiTask.Diagnostics;
using static TorchSharp.torch;

namespace MultiTask.Sharing;

/// <summary>
/// Regularised multi-task learning: each task's parameters are common ones w₀ and an offset vₜ, and both are charged for:
/// (λ₁/T) Σₜ ‖vₜ‖² + λ₂ ‖w₀‖².
/// </summary>
/// <remarks>
/// <para>
/// Evgeniou and Pontil, <i>Regularized Multi-Task Learning</i> (KDD 2004). The best w₀ for given wₜ = w₀ + vₜ is
/// λ₁/(λ₁+λ₂) w̄, and with it the penalty is ρ₁ Σₜ ‖wₜ‖² + ρ₂ Σₜ ‖wₜ − w̄‖², where ρ₁ = λ₁λ₂ / (T(λ₁+λ₂)) and
/// ρ₂ = λ₁² / (T(λ₁+λ₂)). So w₀ need not be learned: <see cref="Common"/> tells it.
/// </para>
/// <para>As λ₁ grows there is one common model; as λ₂ grows w₀ vanishes, and tasks are independent with a ridge of λ₁/T.</para>
/// </remarks>
public sealed class MeanRegularization : ProximalPenalty
{
    private readonly double apart;
    private readonly double common;

    /// <summary>Common parameters and offsets.</summary>
    /// <param name="apart">λ₁ ≥ 0: what offsets from the common parameters cost.</param>
    /// <param name="common">λ₂ ≥ 0: what the common parameters cost.</param>
    /// <exception cref="ArgumentOutOfRangeException">One is negative or not finite.</exception>
    public MeanRegularization(double apart, double common)
        : base(nameof(MeanRegularization))
    {
        this.apart = Arguments.NonNegative(apart, nameof(apart));
        this.common = Arguments.NonNegative(common, nameof(common));
    }

    /// <summary>λ₁/(λ₁+λ₂), of the mean the part that is w₀; 0 where nothing costs anything.</summary>
    private double Part => apart == 0 ? 0 : apart / (apart + common);

    /// <inheritdoc/>
    public override Tensor Of(SharedLayer layer)
    {
        ArgumentNullException.ThrowIfNull(layer);
        using var scope = NewDisposeScope();
        var (size, distance) = Factors(layer);
        var stacked = layer.Stacked();
        var centred = stacked - stacked.mean([0L], keepdim: true);
        return ((stacked.square().sum() * size) + (centred.square().sum() * distance)).MoveToOuterDisposeScope();
    }

    /// <summary>w₀, the common parameters: what a new task would start from.</summary>
    /// <param name="layer">The layer.</param>
    /// <returns>A tensor of the layer's shape, without a graph.</returns>
    public Tensor Common(SharedLayer layer)
    {
        ArgumentNullException.ThrowIfNull(layer);
        using var scope = NewDisposeScope();
        return (layer.Stacked().detach().mean([0L]) * Part).MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    protected override Tensor Nearest(SharedLayer layer, double step)
    {
        var (size, distance) = Factors(layer);
        var stacked = layer.Stacked();
        var mean = stacked.mean([0L], keepdim: true);
        return (mean / (1 + (2 * step * size))) + ((stacked - mean) / (1 + (2 * step * (size + distance))));
    }

    /// <summary>ρ₁ and ρ₂.</summary>
    private (double Size, double Distance) Factors(SharedLayer layer) =>
        (Part * common / layer.Parameters.Count, Part * apart / layer.Parameters.Count);
}
