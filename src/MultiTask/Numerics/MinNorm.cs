namespace MultiTask.Numerics;

/// <summary>The weights of the min-norm point, how many rounds it took to find it, and why the search ended.</summary>
internal sealed record MinNormSolution(double[] Weights, int Iterations, SolverExit Exit);

/// <summary>The shortest vector in the convex hull of the gradients: min wᵀGw over w ≥ 0, Σ w = 1.</summary>
/// <remarks>
/// Wolfe, <i>Finding the nearest point in a polytope</i> (Mathematical Programming, 1976), in terms of the Gramian. The
/// corral S is a set of gradients whose affine hull has its min-norm point x = Σ wᵢgᵢ inside their convex hull; each round
/// lets the most violating gradient in, and drops those whose weight would become negative. Gradients that are exactly
/// zero take no part. What rounding does, <see cref="ActiveSet"/> says.
/// </remarks>
internal static class MinNorm
{
    public static MinNormSolution Solve(Gramian g)
    {
        var alive = Enumerable.Range(0, g.Count).Where(i => g[i, i] > 0).ToArray();
        return alive.Length == 0
            ? new([.. Enumerable.Repeat(1.0 / g.Count, g.Count)], 0, SolverExit.Optimal)
            : new Corral(ActiveSet.Definite(g), alive).Solve();
    }

    /// <summary>The corral and the best weights so far.</summary>
    private sealed class Corral(double[][] g, int[] alive)
        : ActiveSet(g, new double[g.Length], Unit(g.Length, alive.MinBy(i => g[i][i])), [alive.MinBy(i => g[i][i])])
    {
        public MinNormSolution Solve()
        {
            var (iterations, exit) = Search();
            var sum = V.Sum(); // 1, but for rounding
            return new(Array.ConvertAll(V, w => w / sum), iterations, exit);
        }

        /// <summary>
        /// The gradient whose product with x, for its length, is furthest below that of the members. The members' products are
        /// all ‖x‖²; the smallest member knows it best.
        /// </summary>
        protected override int MostViolating()
        {
            var smallest = Smallest();
            var length = Members.Sum(i => V[i] * Norms[i]);
            var (worst, violation) = (-1, 0.0);
            foreach (var j in alive)
            {
                var excess = Products[smallest] - Products[j];
                var rounding = Rounding * length * (Norms[smallest] + Norms[j]);
                if (excess > rounding && excess / Norms[j] > violation && !Members.Contains(j))
                {
                    (worst, violation) = (j, excess / Norms[j]);
                }
            }

            return worst;
        }

        /// <summary>
        /// To the min-norm point of the affine hull: d with (G (w + d))ᵢ the same for all members, and Σ d = 0. Solved with
        /// G_S + σ11ᵀ, for any σ.
        /// </summary>
        protected override double[] Way()
        {
            var smallest = Smallest();
            var a = new double[Members.Count, Members.Count];
            for (var i = 0; i < Members.Count; i++)
            {
                for (var j = 0; j <= i; j++)
                {
                    a[i, j] = G[smallest][smallest] + G[Members[i]][Members[j]];
                }
            }

            var factor = new Cholesky(a);
            var level = factor.Solve([.. Members.Select(_ => 1.0)]);
            var slope = factor.Solve([.. Members.Select(i => Products[smallest] - Products[i])]);
            var multiplier = slope.Sum() / level.Sum();
            return [.. slope.Zip(level, (s, l) => s - (multiplier * l))];
        }

        private int Smallest() => Members.MinBy(i => G[i][i]);

        private static double[] Unit(int n, int i)
        {
            var unit = new double[n];
            unit[i] = 1;
            return unit;
        }
    }
}
