using MultiTask.Numerics;
using TorchSharp;
using static TorchSharp.torch;

namespace MultiTask.Sharing;

/// <summary>The trace norms of some flattenings of a stacked layer.</summary>
internal static class TraceNorms
{
    /// <summary>Each flattening's norm, with the graph of the parameters.</summary>
    /// <remarks>
    /// ‖X‖_* = ⟨X, U Vᵀ⟩, and U Vᵀ is its gradient: a product with a constant, so that no decomposition is differentiated.
    /// </remarks>
    /// <returns>A vector.</returns>
    public static Tensor Of(Tensor stacked, IReadOnlyList<Flattening> flattenings) =>
        stack(flattenings.Select(flattening => (stacked * Gradient(stacked, flattening)).sum()));

    /// <summary>argmin over Z of ½‖Z − X‖² + Σ strengthᵢ × the norm of flattening i. Runs without gradients.</summary>
    public static Tensor Nearest(Tensor stacked, IReadOnlyList<Flattening> flattenings, IReadOnlyList<double> strengths)
    {
        var x = stacked.to(ScalarType.Float64);
        if (!double.IsFinite(x.abs().sum().ToDouble()))
        {
            return stacked;
        }

        return ProximalSum.Solve(x, [.. flattenings.Zip(strengths, (flattening, strength) => new ProximalTerm(
            z => flattening.Fold(GramSvd.Of(flattening.Unfold(z)).Shrunk(strength), z),
            z => strength * GramSvd.Of(flattening.Unfold(z)).TraceNorm()))]).Point;
    }

    private static Tensor Gradient(Tensor stacked, Flattening flattening)
    {
        using var off = no_grad();
        return flattening.Fold(GramSvd.Of(flattening.Unfold(stacked.detach())).Orthogonal(), stacked);
    }
}
