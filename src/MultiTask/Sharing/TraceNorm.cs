using MultiTask.Diagnostics;
using static TorchSharp.torch;

namespace MultiTask.Sharing;

/// <summary>
/// The trace norm of the tasks' stacked parameters, the sum of singular values: towers of low rank, in which each is a
/// combination of a few. γ Σᵢ ‖𝒲₍ᵢ₎‖_* over the matrices that a flattening makes of the tensor 𝒲.
/// </summary>
/// <remarks>
/// <para>
/// Yang and Hospedales, <i>Trace Norm Regularised Deep Multi-Task Learning</i> (2017): last-axis flattening, Tucker and
/// tensor train. For T equal towers W the first is √T ‖W‖, for orthogonal ones of equal length T ‖W‖. The sum is that of
/// the paper, with one γ; the authors' script takes the mean over flattenings and layers.
/// </para>
/// <para>
/// The order of dimensions, which tensor train depends on, is the paper's (TensorFlow's), not torch's: a kernel's height and width,
/// then input channels, then output channels.
/// </para>
/// <para>
/// Where the norm has kinks (rank below the full one) its gradient is the subgradient of least length, U Vᵀ over the
/// singular values that are not 0; second derivatives are not provided. The proximal step shrinks the singular values; for
/// several flattenings it has no closed form and is found by iteration to 1e-6 of the layer's length (or in 2000 rounds as
/// near as they get), at tens to hundreds of decompositions a layer.
/// </para>
/// </remarks>
public sealed class TraceNorm : ProximalPenalty
{
    private readonly double strength;
    private readonly TensorFlattening flattening;

    /// <summary>A trace norm.</summary>
    /// <param name="strength">γ ≥ 0.</param>
    /// <param name="flattening">Which matrices; a row for each task by default.</param>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="strength"/> is negative or not finite, or there is no such flattening.</exception>
    public TraceNorm(double strength, TensorFlattening flattening = TensorFlattening.LastAxis)
        : base(nameof(TraceNorm))
    {
        this.strength = Arguments.NonNegative(strength, nameof(strength));
        this.flattening = Enum.IsDefined(flattening)
            ? flattening
            : throw new ArgumentOutOfRangeException(nameof(flattening), $"`flattening` should be one of {string.Join(", ", Enum.GetNames<TensorFlattening>())}. Found {flattening}.");
    }

    /// <inheritdoc/>
    public override Tensor Of(SharedLayer layer)
    {
        ArgumentNullException.ThrowIfNull(layer);
        using var scope = NewDisposeScope();
        var stacked = layer.Stacked();
        return (TraceNorms.Of(stacked, Flattenings(stacked)).sum() * strength).MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    protected override Tensor Nearest(SharedLayer layer, double step)
    {
        ArgumentNullException.ThrowIfNull(layer);
        var stacked = layer.Stacked();
        var flattenings = Flattenings(stacked);
        return TraceNorms.Nearest(stacked, flattenings, [.. flattenings.Select(_ => step * strength)]);
    }

    private Flattening[] Flattenings(Tensor stacked)
    {
        var dimensions = stacked.shape.Length;
        return flattening switch
        {
            TensorFlattening.Tucker => Flattening.Tucker(dimensions),
            TensorFlattening.TensorTrain => Flattening.TensorTrain(dimensions),
            _ => Flattening.LastAxis(dimensions),
        };
    }
}
