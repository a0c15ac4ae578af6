using MultiTask.Numerics;

namespace MultiTask.Diagnostics;

/// <summary>How the gradients of two tasks get along: three numbers, for any two gradients, that do not depend on their common scale.</summary>
/// <remarks>
/// Yu et al., <i>Gradient Surgery for Multi-Task Learning</i> (NeurIPS 2020), definitions 1, 2 and 5: the three conditions
/// under which tasks harm each other. A zero gradient has no direction: its cosine is 0, as for gradients at right angles. Two
/// zero gradients count as equally long.
/// </remarks>
/// <param name="First">The name of the one task.</param>
/// <param name="Second">The name of the other.</param>
/// <param name="Cosine">C, the cosine of the angle between the two, in [-1, 1].</param>
/// <param name="MagnitudeSimilarity">
/// 2 ‖g₁‖ ‖g₂‖ / (‖g₁‖² + ‖g₂‖²), in [0, 1]: 1 where both are as long, near 0 where one is much longer.
/// </param>
/// <param name="Curvature">
/// The curvature-bounding measure (1 − C²) ‖g₁ − g₂‖² / ‖g₁ + g₂‖², in [0, 4]. For a conflict it is at most (1 − C)², which
/// it reaches where both are as long. Of gradients that are exactly opposite and as long the formula makes 0 / 0; it is then
/// the limit for gradients of one length, 4.
/// </param>
public sealed record GradientPair(string First, string Second, double Cosine, double MagnitudeSimilarity, double Curvature)
{

    /// <summary>Whether the angle between the two is obtuse: a step along one makes the other task worse.</summary>
    public bool Conflicts => Cosine < 0;

    internal static GradientPair Of(Gramian g, int i, int j)
    {
        var (shorter, longer) = (Math.Min(g.Norm(i), g.Norm(j)), Math.Max(g.Norm(i), g.Norm(j)));
        var ratio = longer == 0 ? 1 : shorter / longer;
        var cosine = g.Cosine(i, j);
        return new(g.Tasks[i], g.Tasks[j], cosine, 2 * ratio / (1 + (ratio * ratio)), CurvatureOf(cosine, ratio));
    }

    /// <summary>With lengths in units of the longer one, and 1 ± C kept as factors: nothing overflows, and rounding has no sums to eat.</summary>
    private static double CurvatureOf(double cosine, double ratio)
    {
        var plus = Math.Max(1 + cosine, Dense.Epsilon); // the cosine is not known better
        var minus = 1 - cosine;
        var apart = (1 - ratio) * (1 - ratio);
        return plus * minus * (apart + (2 * ratio * minus)) / (apart + (2 * ratio * plus));
    }
}
