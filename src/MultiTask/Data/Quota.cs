namespace MultiTask.Data;

/// <summary>Whole numbers that follow fractions.</summary>
internal static class Quota
{
    /// <summary>The part whose share of <paramref name="total"/> exceeds most what it has; the first of equals.</summary>
    public static int MostBehind(IReadOnlyList<double> fractions, int[] dealt, int total)
    {
        var most = 0;
        for (var p = 1; p < dealt.Length; p++)
        {
            if ((fractions[p] * total) - dealt[p] > (fractions[most] * total) - dealt[most])
            {
                most = p;
            }
        }

        return most;
    }

    /// <summary>
    /// Whole numbers of sum <paramref name="total"/>, each one of the two next to its share, and equal to it in the mean
    /// over <paramref name="offset"/> (systematic sampling).
    /// </summary>
    /// <param name="shares">Numbers ≥ 0 of sum 1.</param>
    /// <param name="total">The sum wanted.</param>
    /// <param name="offset">From [0, 1), uniform.</param>
    public static int[] Systematic(IReadOnlyList<double> shares, int total, double offset)
    {
        var numbers = new int[shares.Count];
        var sum = 0.0;
        var before = 0;
        for (var i = 0; i < numbers.Length; i++)
        {
            sum += shares[i] * total;
            var after = i == numbers.Length - 1 ? total : (int)Math.Floor(Snapped(sum) + offset);
            numbers[i] = after - before;
            before = after;
        }

        return numbers;
    }

    /// <summary>A sum that rounding errors have moved off a whole number is put back there.</summary>
    private static double Snapped(double sum) => Math.Abs(sum - Math.Round(sum)) < 1e-9 * (1 + sum) ? Math.Round(sum) : sum;
}
