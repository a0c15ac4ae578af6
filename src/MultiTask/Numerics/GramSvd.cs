using TorchSharp;
using static TorchSharp.torch;

namespace MultiTask.Numerics;

/// <summary>The singular values of a matrix X and what is made of them, from the eigenvectors U of its smaller Gram matrix.</summary>
/// <remarks>
/// <para>
/// With X = U Σ Vᵀ the rows of Uᵀ X are σᵢ vᵢᵀ. Their lengths are the singular values, to ε σ₁: better than the roots of the
/// eigenvalues, which carry the square of the condition. Nothing is differentiated through the decomposition, so repeated
/// values do no harm; values of less than <see cref="RankTolerance"/> × the largest count as 0, for there the Gram matrix is
/// rounding, and their directions have no meaning.
/// </para>
/// <para>Computes in float64, of X divided by its largest entry, and gives back X's dtype. Where X is not finite, so is all that comes of it.</para>
/// </remarks>
internal sealed class GramSvd
{
    public const double RankTolerance = 1e-7;

    private readonly Tensor x;
    private readonly double scale;
    private readonly bool wide;
    private readonly Tensor? left;
    private readonly Tensor? rows;
    private readonly Tensor? lengths;

    private GramSvd(Tensor x)
    {
        this.x = x;
        scale = x.numel() == 0 ? 0 : x.abs().max().ToDouble();
        wide = x.shape[0] <= x.shape[1];
        if (scale == 0 || !double.IsFinite(scale))
        {
            return;
        }

        var scaled = x.to(ScalarType.Float64) / scale;
        scaled = wide ? scaled : scaled.t();
        (_, left) = linalg.eigh(scaled.matmul(scaled.t()));
        rows = left.t().matmul(scaled);
        lengths = rows.square().sum(dim: 1).sqrt();
    }

    /// <param name="x">X, of two dimensions. Call without gradients, inside a dispose scope.</param>
    public static GramSvd Of(Tensor x) => new(x);

    /// <summary>U Vᵀ over the values that count: a subgradient of the trace norm, the one of least length. 0 for 0.</summary>
    public Tensor Orthogonal() => With(lengths => ones_like(lengths));

    /// <summary>U max(Σ − by, 0) Vᵀ: the matrix whose trace norm was shrunk.</summary>
    /// <param name="by">≥ 0.</param>
    public Tensor Shrunk(double by) => With(lengths => (lengths - (by / scale)).clamp_min(0) * scale);

    /// <summary>The sum of the singular values.</summary>
    public double TraceNorm() => lengths is null ? scale : lengths.sum().ToDouble() * scale;

    /// <summary>U f(Σ) Vᵀ.</summary>
    private Tensor With(Func<Tensor, Tensor> f)
    {
        if (left is null || rows is null || lengths is null)
        {
            return x.numel() == 0 ? x : x * scale; // 0, or not finite
        }

        var counts = lengths.gt(lengths.max() * RankTolerance);
        var factors = f(lengths) / lengths.masked_fill(counts.logical_not(), double.PositiveInfinity);
        var result = left.matmul(rows * factors.unsqueeze(1));
        return (wide ? result : result.t()).to(x.dtype);
    }
}
