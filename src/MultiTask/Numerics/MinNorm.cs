namespace MultiTask.Numerics;

/// <summary>The weights of the min-norm point, how many were needed to find it, and why the search ended.</summary>
internal sealed record MinNormSolution(double[] Weights, int Iterations, SolverExit Exit);

/// <summary>The shortest vector in the convex hull of the gradients: min wᵀGw over w ≥ 0, Σ w = 1.</summary>
/// <remarks>
/// Wolfe, <i>Finding the nearest point in a polytope</i> (Mathematical Programming, 1976), in terms of the Gramian. The
/// corral S is a set of affinely independent gradients whose affine hull has its min-norm point inside their convex hull;
/// each round lets the most violating gradient in, and drops those whose weight would become negative.
/// </remarks>
internal static class MinNorm
{
    public static MinNormSolution Solve(Gramian g)
    {
        var alive = Enumerable.Range(0, g.Count).Where(i => g[i, i] > 0).ToArray();
        var weights = new double[g.Count];
        if (alive.Length == 0)
        {
            Array.Fill(weights, 1.0 / g.Count);
            return new(weights, 0, SolverExit.Optimal);
        }

        var corral = new Corral(g, alive.MinBy(i => g[i, i]));
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

    /// <summary>The corral and the best weights so far.</summary>
    private sealed class Corral(Gramian g, int first)
    {
        private const double Epsilon = 2.2e-16;
        private readonly List<int> members = [first];
        private double[] w = Unit(g.Count, first);

        public double[] Weights => w;

        /// <summary>The gradient with the least product with x = Σ wᵢgᵢ, if that is less than ‖x‖² by more than rounding; else -1.</summary>
        public int MostViolating(int[] alive)
        {
            var products = g.Times(w);
            var squared = Dot(w, products);
            var size = members.Sum(i => w[i] * g.Norm(i));
            var (worst, violation) = (-1, 0.0);
            foreach (var j in alive)
            {
                var excess = (squared - products[j]) / g.Norm(j);
                if (excess > violation && excess > 4 * Epsilon * g.Count * size && !members.Contains(j))
                {
                    (worst, violation) = (j, excess);
                }
            }

            return worst;
        }

        /// <summary>Lets a gradient in; false when the norm does not fall.</summary>
        public bool Enter(int entering)
        {
            var (before, kept) = (Squared(w), (Weights: w, Members: members.ToArray()));
            w = [.. w];
            members.Add(entering);
            for (var blocking = MoveToAffineMinimum(); blocking >= 0; blocking = MoveToAffineMinimum())
            {
                w[blocking] = 0;
                members.Remove(blocking);
            }

            if (Squared(w) < before)
            {
                return true;
            }

            w = kept.Weights;
            members.Clear();
            members.AddRange(kept.Members);
            return false;
        }

        /// <summary>Moves as far towards the affine minimum as weights stay ≥ 0; the member that blocks the way, or -1.</summary>
        private int MoveToAffineMinimum()
        {
            var v = AffineMinimum();
            var (step, blocking) = (1.0, -1);
            foreach (var i in members.Where(i => v[i] <= 0))
            {
                var reach = w[i] <= 0 ? 0 : w[i] / (w[i] - v[i]);
                if (reach <= step)
                {
                    (step, blocking) = (reach, i);
                }
            }

            for (var i = 0; i < w.Length; i++)
            {
                w[i] += step * (v[i] - w[i]);
            }

            return members.Count > 1 ? blocking : -1;
        }

        /// <summary>
        /// The min-norm point of the affine hull: u solves (σ11ᵀ + G_S) u = 1, v = u / Σu. The matrix is positive definite
        /// where the members are affinely independent; a pivot lost to rounding is replaced by the least that is not.
        /// </summary>
        private double[] AffineMinimum()
        {
            var n = members.Count;
            var sigma = members.Min(i => g[i, i]);
            var l = new double[n, n];
            for (var i = 0; i < n; i++)
            {
                for (var j = 0; j <= i; j++)
                {
                    var sum = sigma + g[members[i], members[j]];
                    for (var k = 0; k < j; k++)
                    {
                        sum -= l[i, k] * l[j, k];
                    }

                    l[i, j] = i == j
                        ? Math.Sqrt(Math.Max(sum, Epsilon * (sigma + g[members[i], members[i]])))
                        : sum / l[j, j];
                }
            }

            var u = SolveCholesky(l);
            var total = u.Sum();
            var v = new double[g.Count];
            for (var i = 0; i < n; i++)
            {
                v[members[i]] = u[i] / total;
            }

            return v;
        }

        /// <summary>L Lᵀ u = 1.</summary>
        private static double[] SolveCholesky(double[,] l)
        {
            var n = l.GetLength(0);
            var u = new double[n];
            for (var i = 0; i < n; i++)
            {
                var sum = 1.0;
                for (var k = 0; k < i; k++)
                {
                    sum -= l[i, k] * u[k];
                }

                u[i] = sum / l[i, i];
            }

            for (var i = n - 1; i >= 0; i--)
            {
                for (var k = i + 1; k < n; k++)
                {
                    u[i] -= l[k, i] * u[k];
                }

                u[i] /= l[i, i];
            }

            return u;
        }

        private double Squared(double[] weights) => Dot(weights, g.Times(weights));

        private static double Dot(double[] a, double[] b) => a.Zip(b, (x, y) => x * y).Sum();

        private static double[] Unit(int n, int i)
        {
            var unit = new double[n];
            unit[i] = 1;
            return unit;
        }
    }
}
