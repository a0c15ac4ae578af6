namespace MultiTask.Numerics;

/// <summary>The gradients that are not zero, brought to length 1: uᵢ = gᵢ / ‖gᵢ‖, and their Gramian, the cosine matrix C.</summary>
/// <remarks>The scale of the gradients, each by itself, is gone from C: no norm is too small or too large beside another.</remarks>
internal sealed class UnitGradients
{
    private readonly Gramian gramian;

    public UnitGradients(Gramian gramian)
    {
        this.gramian = gramian;
        Rows = [.. Enumerable.Range(0, gramian.Count).Where(i => gramian[i, i] > 0)];
        Norms = [.. Rows.Select(gramian.Norm)];
        Cosines = new double[Rows.Length, Rows.Length];
        for (var i = 0; i < Rows.Length; i++)
        {
            for (var j = 0; j < Rows.Length; j++)
            {
                Cosines[i, j] = i == j ? 1 : gramian.Cosine(Rows[i], Rows[j]);
            }
        }
    }

    /// <summary>The rows of the Gramian whose gradients are not zero.</summary>
    public int[] Rows { get; }

    /// <summary>‖gᵢ‖ of these rows.</summary>
    public double[] Norms { get; }

    /// <summary>C.</summary>
    public double[,] Cosines { get; }

    /// <summary>
    /// x with uᵢ · Σ xⱼuⱼ = bᵢ, and the projections uᵢ · Σ xⱼuⱼ that it really has: those nearest to b, where the gradients are
    /// linearly dependent and not all b can be had.
    /// </summary>
    public (double[] X, double[] Projections) WithProjections(double[] b)
    {
        if (Rows.Length == 0)
        {
            return ([], []);
        }

        var x = SymmetricEigen.Of(Cosines).PseudoSolve(b);
        var projections = new double[x.Length];
        for (var i = 0; i < x.Length; i++)
        {
            for (var j = 0; j < x.Length; j++)
            {
                projections[i] += Cosines[i, j] * x[j];
            }
        }

        return (x, projections);
    }

    /// <summary>The weights of all gradients of which Σ xᵢuᵢ is made, times a factor; zero gradients have the weight 0.</summary>
    public double[] ToWeights(double[] x, double factor)
    {
        var weights = new double[gramian.Count];
        for (var i = 0; i < x.Length; i++)
        {
            weights[Rows[i]] = factor * x[i] / Norms[i];
        }

        return weights;
    }
}
