namespace MultiTask.Numerics;

/// <summary>Groups of numbers: the mean of each number's group, and the sum of the squared distances from it.</summary>
/// <param name="Groups">For each number its group; groups are numbered from the smallest mean.</param>
/// <param name="Means">For each number the mean of its group.</param>
/// <param name="Cost">The sum of squared distances, the least there is.</param>
internal sealed record LineKMeansSolution(int[] Groups, double[] Means, double Cost);

/// <summary>k-means of numbers, exactly.</summary>
/// <remarks>
/// Wang and Song, <i>Ckmeans.1d.dp: Optimal k-means Clustering in One Dimension by Dynamic Programming</i> (The R Journal, 2011).
/// On a line optimal groups are intervals, so the best j groups of the first i numbers are the best j − 1 groups of fewer and an
/// interval: k n² steps. Unlike Lloyd's iteration it needs no start, and cannot end in a local minimum.
/// </remarks>
internal static class LineKMeans
{
    /// <param name="values">At least one number, finite.</param>
    /// <param name="k">The number of groups, at least 1; at most as many as there are numbers are made.</param>
    public static LineKMeansSolution Solve(IReadOnlyList<double> values, int k)
    {
        var n = values.Count;
        k = Math.Min(k, n);
        var order = Enumerable.Range(0, n).OrderBy(i => values[i]).ToArray();
        var scale = Math.Max(values.Max(Math.Abs), double.Epsilon);
        var x = Array.ConvertAll(order, i => values[i] / scale); // squares stay in range
        var starts = Starts(x, k, out var cost);
        var (groups, means) = (new int[n], new double[n]);
        for (int group = k - 1, end = n; group >= 0; end = starts[group, end], group--)
        {
            var members = order[starts[group, end]..end];
            var mean = members.Average(i => values[i] / scale) * scale;
            foreach (var i in members)
            {
                (groups[i], means[i]) = (group, mean);
            }
        }

        return new(groups, means, cost * scale * scale);
    }

    /// <summary>For j + 1 groups of the first i numbers, where the last group starts.</summary>
    private static int[,] Starts(double[] x, int k, out double cost)
    {
        var n = x.Length;
        var starts = new int[k, n + 1];
        var best = new double[k, n + 1];
        for (var j = 0; j < k; j++)
        {
            for (var end = j + 1; end <= n; end++)
            {
                best[j, end] = double.PositiveInfinity;
                var (mean, squares) = (0.0, 0.0);

                // The group grows downwards; its mean and squares by Welford's update, which does not cancel.
                for (var start = end - 1; start >= (j == 0 ? 0 : j); start--)
                {
                    var difference = x[start] - mean;
                    mean += difference / (end - start);
                    squares += difference * (x[start] - mean);
                    var total = squares + (j == 0 ? start == 0 ? 0 : double.PositiveInfinity : best[j - 1, start]);
                    if (total < best[j, end])
                    {
                        (best[j, end], starts[j, end]) = (total, start);
                    }
                }
            }
        }

        cost = best[k - 1, n];
        return starts;
    }
}
