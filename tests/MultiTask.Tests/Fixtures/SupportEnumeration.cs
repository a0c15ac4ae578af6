namespace MultiTask.Tests.Fixtures;

/// <summary>The plainest solver there is, to hold others against: tries every subset of the tasks.</summary>
internal static class SupportEnumeration
{
    /// <summary>The best of the affine minima of all subsets that have no negative weight.</summary>
    public static double[] MinNorm(Gramian g)
    {
        var (best, least) = (Array.Empty<double>(), double.PositiveInfinity);
        for (var subset = 1; subset < 1 << g.Count; subset++)
        {
            var members = Enumerable.Range(0, g.Count).Where(i => (subset & (1 << i)) != 0).ToArray();
            if (AffineMinimum(g, members) is { } w && Gramians.Dot(w, g.Times(w)) is var squared && squared < least)
            {
                (best, least) = (w, squared);
            }
        }

        return best;
    }

    /// <summary>The best v ≥ u of those that make Σ vᵢgᵢ orthogonal to a subset of the gradients, whose weights alone exceed u.</summary>
    public static double[] DualCone(Gramian g, double[] u)
    {
        var (best, least) = (Array.Empty<double>(), double.PositiveInfinity);
        for (var subset = 0; subset < 1 << g.Count; subset++)
        {
            var members = Enumerable.Range(0, g.Count).Where(i => (subset & (1 << i)) != 0).ToArray();
            if (Orthogonal(g, u, members) is { } v && Gramians.Dot(v, g.Times(v)) is var squared && squared < least)
            {
                (best, least) = (v, squared);
            }
        }

        return best;
    }

    /// <summary>u + s with G_S s = −(Gu)_S; null where G_S is singular or an s is negative.</summary>
    private static double[]? Orthogonal(Gramian g, double[] u, int[] members)
    {
        var n = members.Length;
        var products = g.Times(u);
        var a = new double[n, n + 1];
        for (var i = 0; i < n; i++)
        {
            for (var j = 0; j < n; j++)
            {
                a[i, j] = g[members[i], members[j]] / (g.Norm(members[i]) * g.Norm(members[j]));
            }

            a[i, n] = -products[members[i]] / g.Norm(members[i]);
        }

        if (Solve(a) is not { } s || s.Any(value => value < 0))
        {
            return null;
        }

        var v = (double[])u.Clone();
        for (var i = 0; i < n; i++)
        {
            v[members[i]] += s[i] / g.Norm(members[i]);
        }

        return v;
    }

    /// <summary>[G 1; 1ᵀ 0] [w; −λ] = [0; 1], by Gauss with complete pivoting; null where it is singular or a weight is negative.</summary>
    private static double[]? AffineMinimum(Gramian g, int[] members)
    {
        var n = members.Length + 1;
        var a = new double[n, n + 1];
        for (var i = 0; i < n - 1; i++)
        {
            for (var j = 0; j < n - 1; j++)
            {
                a[i, j] = g[members[i], members[j]] / (g.Norm(members[i]) * g.Norm(members[j]));
            }

            var smallest = members.Min(g.Norm);
            a[i, n - 1] = a[n - 1, i] = smallest / g.Norm(members[i]);
        }

        a[n - 1, n] = members.Min(g.Norm);
        if (Solve(a) is not { } solution)
        {
            return null;
        }

        var w = new double[g.Count];
        for (var i = 0; i < members.Length; i++)
        {
            w[members[i]] = solution[i] / g.Norm(members[i]);
        }

        var sum = w.Sum();
        return w.Min() < 0 || !double.IsFinite(sum) ? null : Array.ConvertAll(w, v => v / sum);
    }

    private static double[]? Solve(double[,] a)
    {
        var n = a.GetLength(0);
        var columns = Enumerable.Range(0, n).ToArray();
        for (var k = 0; k < n; k++)
        {
            var (row, column) = (k, k);
            for (var i = k; i < n; i++)
            {
                for (var j = k; j < n; j++)
                {
                    if (Math.Abs(a[i, j]) > Math.Abs(a[row, column]))
                    {
                        (row, column) = (i, j);
                    }
                }
            }

            if (Math.Abs(a[row, column]) < 1e-14)
            {
                return null;
            }

            for (var j = 0; j <= n; j++)
            {
                (a[k, j], a[row, j]) = (a[row, j], a[k, j]);
            }

            for (var i = 0; i < n; i++)
            {
                (a[i, k], a[i, column]) = (a[i, column], a[i, k]);
            }

            (columns[k], columns[column]) = (columns[column], columns[k]);
            for (var i = 0; i < n; i++)
            {
                var factor = i == k ? 0 : a[i, k] / a[k, k];
                for (var j = k; factor != 0 && j <= n; j++)
                {
                    a[i, j] -= factor * a[k, j];
                }
            }
        }

        var x = new double[n];
        for (var k = 0; k < n; k++)
        {
            x[columns[k]] = a[k, n] / a[k, k];
        }

        return x;
    }
}
