namespace MultiTask.Numerics;

/// <summary>A = L Lᵀ, for a small symmetric matrix that is positive definite, or would be if it were not rounded.</summary>
/// <remarks>
/// A pivot that rounding has eaten is replaced by the least that it has not, ε Aᵢᵢ: the solution is then that of a matrix
/// which float64 cannot tell from A. No scale enters: D A D has the factor D L for every diagonal D > 0.
/// </remarks>
internal sealed class Cholesky
{
    private const double Epsilon = 2.2e-16;
    private readonly double[,] l;

    /// <param name="a">A, of which the lower triangle is read, with a positive diagonal.</param>
    public Cholesky(double[,] a)
    {
        var n = a.GetLength(0);
        l = new double[n, n];
        for (var i = 0; i < n; i++)
        {
            for (var j = 0; j <= i; j++)
            {
                var rest = a[i, j];
                for (var k = 0; k < j; k++)
                {
                    rest -= l[i, k] * l[j, k];
                }

                IsDefinite &= i != j || rest >= Epsilon * a[i, i];
                l[i, j] = i == j ? Math.Sqrt(Math.Max(rest, Epsilon * a[i, i])) : rest / l[j, j];
            }
        }
    }

    /// <summary>Whether A is positive definite as it stands: no pivot was replaced.</summary>
    public bool IsDefinite { get; } = true;

    /// <summary>x, of A x = b.</summary>
    public double[] Solve(double[] b)
    {
        var x = (double[])b.Clone();
        for (var i = 0; i < x.Length; i++)
        {
            for (var k = 0; k < i; k++)
            {
                x[i] -= l[i, k] * x[k];
            }

            x[i] /= l[i, i];
        }

        for (var i = x.Length - 1; i >= 0; i--)
        {
            for (var k = i + 1; k < x.Length; k++)
            {
                x[i] -= l[k, i] * x[k];
            }

            x[i] /= l[i, i];
        }

        return x;
    }
}
