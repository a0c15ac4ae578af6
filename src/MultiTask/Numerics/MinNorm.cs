namespace MultiTask.Numerics;

/// <summary>The weights of the min-norm point, how many rounds it took to find it, and why the search ended.</summary>
internal sealed record MinNormSolution(double[] Weights, int Iterations, SolverExit Exit);

/// <summary>The shortest vector in the convex hull of the gradients: min wᵀGw over w ≥ 0, Σ w = 1.</summary>
/// <remarks>
/// <para>
/// Wolfe, <i>Finding the nearest point in a polytope</i> (Mathematical Programming, 1976), in terms of the Gramian. The
/// corral S is a set of gradients whose affine hull has its min-norm point x = Σ wᵢgᵢ inside their convex hull; each round
/// lets the most violating gradient in, and drops those whose weight would become negative. Gradients that are exactly
/// zero take no part.
/// </para>
/// <para>
/// Float64 knows each product gᵢ·x to ε‖gᵢ‖ Σ wⱼ‖gⱼ‖: what was added up counts, not what is left of it. All tolerances
/// are in these units. The diagonal is enlarged by as much as rounding may have taken from it, so that the matrix is
/// positive definite even where gradients are parallel or opposite.
/// </para>
/// </remarks>
internal static class MinNorm
{
    private const double Epsilon = 2.2e-16;

    public static MinNormSolution Solve(Gramian g)
    {
        var alive = Enumerable.Range(0, g.Count).Where(i => g[i, i] > 0).ToArray();
        if (alive.Length == 0)
        {
            return new([.. Enumerable.Repeat(1.0 / g.Count, g.Count)], 0, SolverExit.Optimal);
        }

        var corral = new Corral(Definite(g), alive.MinBy(i => g[i, i]));
        var limit = 20 * (alive.Length + 10);
        for (var iteration = 1; iteration <= limit; iteration++)
        {
            var entering = corral.MostViolating(alive);
            if (entering < 0)
            {
                return new(corral.Weights, iteration, SolverExit.Optimal);
            }

            if (!corral.Enter(entering))
            {
                return new(corral.Weights, iteration, SolverExit.NoProgress);
            }
        }

        return new(corral.Weights, limit, SolverExit.IterationLimit);
    }

    private static Gramian Definite(Gramian g)
    {
        var entries = new double[g.Count, g.Count];
        for (var i = 0; i < g.Count; i++)
        {
            for (var j = 0; j < g.Count; j++)
            {
                entries[i, j] = i == j ? g[i, i] * (1 + (4 * Epsilon * g.Count)) : g[i, j];
            }
        }

        return new(entries);
    }

    /// <summary>The corral and the best weights so far.</summary>
    private sealed class Corral(Gramian g, int first)
    {
        private List<int> members = [first];
        private double[] w = Unit(g.Count, first);

        public double[] Weights
        {
            get
            {
                var sum = w.Sum(); // 1, but for rounding
                return Array.ConvertAll(w, v => v / sum);
            }
        }

        /// <summary>
        /// The gradient whose product with x, for its length, is furthest below that of the members, if by more than rounding;
        /// else -1. The members' products are all ‖x‖²; the smallest member knows it best.
        /// </summary>
        public int MostViolating(int[] alive)
        {
            var products = g.Times(w);
            var smallest = Smallest();
            var length = members.Sum(i => w[i] * g.Norm(i));
            var (worst, violation) = (-1, 0.0);
            foreach (var j in alive)
            {
                var excess = products[smallest] - products[j];
                var rounding = 4 * Epsilon * g.Count * length * (g.Norm(smallest) + g.Norm(j));
                if (excess > rounding && excess / g.Norm(j) > violation && !members.Contains(j))
                {
                    (worst, violation) = (j, excess / g.Norm(j));
                }
            }

            return worst;
        }

        /// <summary>Lets a gradient in; false, and all as it was, when the norm does not fall.</summary>
        public bool Enter(int entering)
        {
            var (before, kept) = (w, members);
            members = [.. members, entering];
            for (var blocking = MoveToAffineMinimum(); blocking >= 0; blocking = MoveToAffineMinimum())
            {
                w[blocking] = 0;
                members.Remove(blocking);
            }

            // ‖x + Δ‖² − ‖x‖² = 2 x·Δ + ‖Δ‖²: near the optimum the difference of the squares themselves is all rounding.
            var moved = w.Zip(before, (now, then) => now - then).ToArray();
            if ((2 * Dot(moved, g.Times(before))) + Dot(moved, g.Times(moved)) < 0)
            {
                return true;
            }

            (w, members) = (before, kept);
            return false;
        }

        /// <summary>Moves as far towards the affine minimum as weights stay ≥ 0; the member that blocks the way, or -1.</summary>
        private int MoveToAffineMinimum()
        {
            var way = WayToAffineMinimum();
            var (step, blocking) = (1.0, -1);
            foreach (var i in members.Where(i => w[i] + way[i] <= 0))
            {
                var reach = w[i] == 0 ? 0 : -w[i] / way[i];
                if (reach <= step)
                {
                    (step, blocking) = (reach, i);
                }
            }

            w = [.. w.Zip(way, (from, by) => Math.Max(0, from + (step * by)))];
            return blocking;
        }

        /// <summary>
        /// From w to the min-norm point of the affine hull: d with (G (w + d))ᵢ the same for all members, and Σ d = 0. Solved
        /// with G_S + σ11ᵀ, for any σ. That the unknown is the way, not its end, keeps rounding small near the optimum.
        /// </summary>
        private double[] WayToAffineMinimum()
        {
            var smallest = Smallest();
            var products = g.Times(w);
            var a = new double[members.Count, members.Count];
            for (var i = 0; i < members.Count; i++)
            {
                for (var j = 0; j <= i; j++)
                {
                    a[i, j] = g[smallest, smallest] + g[members[i], members[j]];
                }
            }

            var factor = new Cholesky(a);
            var level = factor.Solve([.. members.Select(_ => 1.0)]);
            var slope = factor.Solve([.. members.Select(i => products[smallest] - products[i])]);
            var multiplier = slope.Sum() / level.Sum();
            var way = new double[g.Count];
            for (var i = 0; i < members.Count; i++)
            {
                way[members[i]] = slope[i] - (multiplier * level[i]);
            }

            return way;
        }

        private int Smallest() => members.MinBy(i => g[i, i]);

        private static double Dot(double[] a, double[] b) => a.Zip(b, (x, y) => x * y).Sum();

        private static double[] Unit(int n, int i)
        {
            var unit = new double[n];
            unit[i] = 1;
            return unit;
        }
    }
}
