using MultiTask.Numerics;
using static TorchSharp.torch;

namespace MultiTask.Sharing;

/// <summary>A quadratic form over tasks: ½ Σₛₜ Kₛₜ ⟨Wₛ, Wₜ⟩, with K positive semidefinite.</summary>
/// <remarks>
/// Computed as ½ ‖R W‖² with K = RᵀR, R = diag(√κ) Qᵀ: it cannot become negative, and what tasks have in common does not
/// cancel.
/// </remarks>
internal sealed class TaskForm
{
    private readonly double[] values;
    private readonly double[][] vectors;

    /// <param name="values">The eigenvalues κ of K; those below 0 are rounding.</param>
    /// <param name="vectors">Its eigenvectors, of length 1.</param>
    public TaskForm(double[] values, double[][] vectors) =>
        (this.values, this.vectors) = (Array.ConvertAll(values, v => Math.Max(v, 0)), vectors);

    public static TaskForm Of(double[,] matrix)
    {
        var eigen = SymmetricEigen.Of(matrix);
        return new(eigen.Values, eigen.Vectors);
    }

    /// <summary>The form's value, with the graph of the parameters.</summary>
    /// <param name="stacked"><c>[T, …]</c>.</param>
    public Tensor Value(Tensor stacked) => Rows(Math.Sqrt).Times(stacked).square().sum() / 2;

    /// <summary>argmin over Z of ½‖Z − W‖² + step · form(Z), which is (I + step K)⁻¹ W.</summary>
    public Tensor Nearest(Tensor stacked, double step)
    {
        var inverse = Rows(k => 1 / Math.Sqrt(1 + (step * k)));
        return inverse.Transposed().Times(inverse.Times(stacked)).reshape(stacked.shape);
    }

    /// <summary>diag(f(κ)) Qᵀ.</summary>
    private Mixing Rows(Func<double, double> f)
    {
        var rows = new double[values.Length, values.Length];
        for (var i = 0; i < values.Length; i++)
        {
            for (var t = 0; t < values.Length; t++)
            {
                rows[i, t] = f(values[i]) * vectors[i][t];
            }
        }

        return new(rows);
    }

    /// <summary>A matrix that mixes tasks.</summary>
    private sealed class Mixing(double[,] matrix)
    {
        public Mixing Transposed()
        {
            var transposed = new double[matrix.GetLength(1), matrix.GetLength(0)];
            for (var i = 0; i < matrix.GetLength(0); i++)
            {
                for (var j = 0; j < matrix.GetLength(1); j++)
                {
                    transposed[j, i] = matrix[i, j];
                }
            }

            return new(transposed);
        }

        public Tensor Times(Tensor stacked) => tensor(matrix, dtype: ScalarType.Float64).to(stacked.dtype).to(stacked.device).matmul(stacked.reshape(stacked.shape[0], -1));
    }
}
