using static TorchSharp.torch;

namespace MultiTask.Numerics;

/// <summary>The eigenvalues and eigenvectors of a small symmetric matrix, by one call of LAPACK.</summary>
/// <remarks>
/// Eigenvalues are known to ε times the largest, whatever the scale. Where a rank is needed, an eigenvalue counts that is
/// greater than a tolerance times the largest: <see cref="RankTolerance"/>, for Gramians of gradients. Gradients in float32
/// carry rounding of 1e-7 to 1e-6 of their length, and hence eigenvalues of up to 1e-12 of the largest that mean nothing.
/// </remarks>
internal sealed class SymmetricEigen
{
    public const double RankTolerance = 1e-12;

    private SymmetricEigen(double[] values, double[][] vectors) => (Values, Vectors) = (values, vectors);

    /// <summary>The eigenvalues, ascending.</summary>
    public double[] Values { get; }

    /// <summary>The eigenvector of each eigenvalue, of length 1.</summary>
    public double[][] Vectors { get; }

    /// <param name="a">A, n × n with n ≥ 1, finite; the lower triangle is read.</param>
    public static SymmetricEigen Of(double[,] a)
    {
        using var scope = NewDisposeScope();
        var (values, vectors) = linalg.eigh(tensor(a, ScalarType.Float64, CPU));
        var flat = HostValues.Of(vectors.t());
        return new(HostValues.Of(values), [.. flat.Chunk(a.GetLength(0))]);
    }

    /// <summary>The eigenpairs that count: those greater than tolerance × the largest, ascending; none of a zero matrix.</summary>
    public IEnumerable<(double Value, double[] Vector)> Significant(double tolerance) =>
        Values.Zip(Vectors).Where(pair => pair.First > 0 && pair.First > tolerance * Values[^1]);

    /// <summary>A⁺ b: of all x with the least ‖A x − b‖, the shortest.</summary>
    public double[] PseudoSolve(IReadOnlyList<double> b, double tolerance = RankTolerance)
    {
        var x = new double[Values.Length];
        foreach (var (value, vector) in Significant(tolerance))
        {
            var coordinate = Dense.Dot(vector, b) / value;
            for (var i = 0; i < x.Length; i++)
            {
                x[i] += coordinate * vector[i];
            }
        }

        return x;
    }

    /// <summary>The eigenvalues alone, ascending.</summary>
    /// <param name="a">A, n × n with n ≥ 1, finite; the lower triangle is read.</param>
    public static double[] ValuesOf(double[,] a)
    {
        using var scope = NewDisposeScope();
        return HostValues.Of(linalg.eigvalsh(tensor(a, ScalarType.Float64, CPU)));
    }
}
