using MultiTask.Numerics;

namespace MultiTask.Tests.Fixtures;

/// <summary>How far gradients are from being linearly dependent, whatever their scales.</summary>
internal static class Independence
{
    /// <summary>The samples without zero gradients whose cosine matrix has no eigenvalue below a part of the largest.</summary>
    public static IEnumerable<GramianSample> Independent(this IEnumerable<GramianSample> samples, double least = 1e-6) =>
        samples.Where(s => Least(s.Gramian) > least);

    private static double Least(Gramian g)
    {
        var units = new UnitGradients(g);
        if (units.Rows.Length < g.Count)
        {
            return 0;
        }

        var values = SymmetricEigen.Of(units.Cosines).Values;
        return values[0] / values[^1];
    }
}
