namespace MultiTask.Numerics;

/// <summary>
/// The weights w on the simplex, μ = κ / √wᵀMw, so that e = μ Σ wᵢmᵢ, how many rounds it took to find them, and why the search ended.
/// </summary>
internal sealed record TrustRegionSolution(double[] Weights, double Scale, int Iterations, SolverExit Exit);

/// <summary>
/// How far the least of several linear functions rises in a ball: max over ‖e‖ ≤ κ of minᵢ (bᵢ + mᵢ·e), by its dual, the least
/// f(w) = bᵀw + κ √wᵀMw over w ≥ 0, Σ w = 1, with Mᵢⱼ = mᵢ·mⱼ. The maximum is at e = μ Σ wᵢmᵢ with μ = κ / √wᵀMw.
/// </summary>
/// <remarks>
/// <para>
/// Wolfe's algorithm for the min-norm point (see <see cref="MinNorm"/>), which is the case b = 0, with another function: f over
/// the affine hull of a set S has its minimum in closed form. Let v be the weights of the hull's min-norm point, u those of
/// minus the projection of b's gradient, Σ u = 0, and D = uᵀMu. Then w = v + u/μ with μ² = (κ² − D) / vᵀMv; where D ≥ κ², f
/// falls for ever in the direction u, so the search goes there until a weight is 0. Each round lets in the function that is lowest
/// at the present e, and drops those whose weight would become negative. At the end all functions are at least as high as those
/// that have weight, which is the certificate.
/// </para>
/// <para>
/// Float64 knows (Mw)ᵢ to ε lᵢ Σ wⱼlⱼ and bᵢ to ε lᵢ λ, with the lengths l of the vectors that M was computed from, and λ of
/// what was added up to b. The diagonal is enlarged by 4εm lᵢ², what rounding may have taken from it. So M is definite, and
/// where Mw = 0 is optimal (no e is singled out by the dual), e is the shortest of those that are optimal.
/// </para>
/// </remarks>
internal static class TrustRegion
{

    /// <param name="m">M, symmetric and positive semi-definite to rounding.</param>
    /// <param name="b">b.</param>
    /// <param name="radius">κ > 0.</param>
    /// <param name="lengths">l > 0.</param>
    /// <param name="length">λ.</param>
    public static TrustRegionSolution Solve(double[,] m, double[] b, double radius, double[] lengths, double length)
    {
        var definite = (double[,])m.Clone();
        for (var i = 0; i < b.Length; i++)
        {
            definite[i, i] = Math.Max(0, m[i, i]) + (4 * Dense.Epsilon * b.Length * lengths[i] * lengths[i]);
        }

        var hull = new Hull(definite, b, radius, lengths, length);
        var limit = 20 * (b.Length + 10);
        for (var iteration = 1; iteration <= limit; iteration++)
        {
            var entering = hull.Lowest();
            if (entering < 0)
            {
                return new(hull.Weights, hull.Scale, iteration, SolverExit.Optimal);
            }

            if (!hull.Enter(entering))
            {
                return new(hull.Weights, hull.Scale, iteration, SolverExit.NoProgress);
            }
        }

        return new(hull.Weights, hull.Scale, limit, SolverExit.IterationLimit);
    }

    /// <summary>The set S, and the best weights so far.</summary>
    private sealed class Hull
    {
        private readonly double[,] m;
        private readonly double[] b;
        private readonly double radius;
        private readonly double[] lengths;
        private readonly double length;
        private List<int> members;
        private double[] w;
        private double[] products;
        private double norm;

        public Hull(double[,] m, double[] b, double radius, double[] lengths, double length)
        {
            (this.m, this.b, this.radius, this.lengths, this.length) = (m, b, radius, lengths, length);
            var first = Enumerable.Range(0, b.Length).MinBy(i => b[i] + (radius * Math.Sqrt(m[i, i])));
            members = [first];
            w = new double[b.Length];
            w[first] = 1;
            products = Times(w);
            norm = Length(w, products);
            Scale = radius / norm;
        }

        /// <summary>
        /// μ. Where the mᵢ nearly cancel, √wᵀMw is known poorly: what the weights were computed with fits them best.
        /// </summary>
        public double Scale { get; private set; }

        public double[] Weights => w;

        /// <summary>The function that is lowest, for its length, if by more than rounding lower than those of S; else -1.</summary>
        public int Lowest()
        {
            var smallest = Smallest();
            var level = b[smallest] + (Scale * products[smallest]);
            var known = length;
            foreach (var i in members)
            {
                known += Scale * w[i] * lengths[i];
            }

            var (lowest, depth) = (-1, 0.0);
            for (var j = 0; j < b.Length; j++)
            {
                var below = level - b[j] - (Scale * products[j]);
                var rounding = 4 * Dense.Epsilon * b.Length * known * (lengths[smallest] + lengths[j]);
                if (below > rounding && below / lengths[j] > depth && !members.Contains(j))
                {
                    (lowest, depth) = (j, below / lengths[j]);
                }
            }

            return lowest;
        }

        /// <summary>Lets a function in; false, and all as it was, when f does not fall.</summary>
        public bool Enter(int entering)
        {
            var before = (w, members, products, norm, Scale);
            members = [.. members, entering];
            for (var blocking = Move(); blocking >= 0; blocking = Move())
            {
                w[blocking] = 0;
                members.Remove(blocking);
            }

            // What f fell by, without the difference of two values of f, which near the optimum is all rounding.
            var (change, squares) = (0.0, 0.0);
            for (var i = 0; i < w.Length; i++)
            {
                var moved = w[i] - before.w[i];
                change += moved * b[i];
                squares += moved * (products[i] + before.products[i]);
            }

            if (change + (radius * squares / (norm + before.norm)) < 0)
            {
                return true;
            }

            (w, members, products, norm, Scale) = before;
            return false;
        }

        /// <summary>Moves as far towards the minimum over the affine hull as weights stay ≥ 0; the member that blocks the way, or -1.</summary>
        private int Move()
        {
            var (way, endless) = Way();
            var (step, blocking) = (endless ? double.PositiveInfinity : 1.0, -1);
            foreach (var i in members)
            {
                if (way[i] < 0 && (endless || w[i] + way[i] <= 0))
                {
                    var reach = -w[i] / way[i];
                    if (reach <= step)
                    {
                        (step, blocking) = (reach, i);
                    }
                }
            }

            if (!double.IsInfinity(step))
            {
                w = [.. w.Zip(way, (from, by) => Math.Max(0, from + (step * by)))];
                var sum = w.Sum(); // 1, but for rounding
                w = Array.ConvertAll(w, v => v / sum);
                products = Times(w);
                norm = Length(w, products);
            }

            return blocking;
        }

        /// <summary>
        /// From w to the minimum over the affine hull, v − w + u/μ; or u, and that the way has no end. Solved with M + σ11ᵀ, for any σ. That
        /// the unknown is the way, not its end, keeps rounding small near the optimum.
        /// </summary>
        private (double[] Way, bool Endless) Way()
        {
            var smallest = Smallest();
            var a = new double[members.Count, members.Count];
            for (var i = 0; i < members.Count; i++)
            {
                for (var j = 0; j <= i; j++)
                {
                    a[i, j] = m[smallest, smallest] + m[members[i], members[j]];
                }
            }

            var factor = new Cholesky(a);
            var level = factor.Solve([.. members.Select(_ => 1.0)]);
            var toShortest = Project(factor, level, i => products[smallest] - products[i]);
            var u = Project(factor, level, i => b[smallest] - b[i]);
            var d = Length(u, Times(u));
            if (d >= radius)
            {
                return (u, true);
            }

            double[] shortest = [.. w.Zip(toShortest, (x, y) => x + y)];
            Scale = Math.Sqrt((radius - d) * (radius + d)) / Length(shortest, Times(shortest));
            return ([.. toShortest.Zip(u, (x, y) => x + (y / Scale))], false);
        }

        /// <summary>x with (Mx)ᵢ = slopeᵢ + a constant for the members, and Σ x = 0.</summary>
        private double[] Project(Cholesky factor, double[] level, Func<int, double> slope)
        {
            var solution = factor.Solve([.. members.Select(slope)]);
            var multiplier = solution.Sum() / level.Sum();
            var x = new double[b.Length];
            for (var i = 0; i < members.Count; i++)
            {
                x[members[i]] = solution[i] - (multiplier * level[i]);
            }

            return x;
        }

        private int Smallest() => members.MinBy(i => lengths[i]);

        private double[] Times(double[] x)
        {
            var product = new double[x.Length];
            for (var i = 0; i < x.Length; i++)
            {
                for (var j = 0; j < x.Length; j++)
                {
                    product[i] += m[i, j] * x[j];
                }
            }

            return product;
        }

        /// <summary>√xᵀMx, and not less than what the ridge makes of it.</summary>
        private double Length(double[] x, double[] product)
        {
            var (square, least) = (0.0, 0.0);
            for (var i = 0; i < x.Length; i++)
            {
                square += x[i] * product[i];
                least += Math.Pow(x[i] * lengths[i], 2);
            }

            return Math.Sqrt(Math.Max(square, 4 * Dense.Epsilon * x.Length * least));
        }
    }
}
