namespace MultiTask.Numerics;

/// <summary>What solvers do with small vectors and matrices, on the host.</summary>
internal static class Dense
{
    /// <summary>The rounding of float64: 2⁻⁵², a little less.</summary>
    public const double Epsilon = 2.2e-16;

    /// <summary>aᵀ b.</summary>
    public static double Dot(double[] a, IReadOnlyList<double> b)
    {
        var sum = 0.0;
        for (var i = 0; i < a.Length; i++)
        {
            sum += a[i] * b[i];
        }

        return sum;
    }

    /// <summary>A x, of a square matrix.</summary>
    public static double[] Times(double[,] a, double[] x)
    {
        var product = new double[x.Length];
        for (var i = 0; i < x.Length; i++)
        {
            for (var j = 0; j < x.Length; j++)
            {
                product[i] += a[i, j] * x[j];
            }
        }

        return product;
    }
}
