namespace MultiTask.Numerics;

/// <summary>The nearest point of the probability simplex: min ‖w − v‖ over w ≥ 0, Σ w = 1.</summary>
/// <remarks>
/// Held, Wolfe and Crowder, <i>Validation of subgradient optimization</i> (1974); Duchi et al. (ICML 2008): w = max(v − θ, 0),
/// where θ follows from the sorted entries. Exact, in one pass. The largest entry is taken from all first, which moves v along
/// the normal of the simplex and changes nothing but rounding: far from the simplex θ itself has no digits left for Σ w = 1.
/// </remarks>
internal static class SimplexProjection
{
    /// <param name="v">Finite numbers, at least one.</param>
    public static double[] Of(IReadOnlyList<double> v)
    {
        var largest = v.Max();
        double[] sorted = [.. v.Select(x => x - largest).OrderDescending()];
        var (sum, threshold) = (0.0, 0.0);
        for (var k = 0; k < sorted.Length; k++)
        {
            sum += sorted[k];
            var candidate = (sum - 1) / (k + 1);
            if (sorted[k] <= candidate)
            {
                break;
            }

            threshold = candidate;
        }

        return [.. v.Select(x => Math.Max(x - largest - threshold, 0))];
    }
}
