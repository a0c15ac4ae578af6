namespace MultiTask.Numerics;

/// <summary>
/// FORUM's dual problem: min ½‖Σ λᵢFᵢ + ν q‖² − ν φ over the simplex, with ν = max(0, Σ λᵢπᵢ), πᵢ = ρ − q·Fᵢ/‖q‖² and φ = ρ‖q‖²/2.
/// </summary>
/// <remarks>
/// <para>
/// Convex, with a kink where Σ λᵢπᵢ = 0, so the minimum is on one of three pieces. Where ν = 0 it is the min-norm point of the Fᵢ
/// (<see cref="MinNorm"/>). Where ν > 0 it minimises ½‖Σ λᵢpᵢ‖² + ρ/2 Σ λᵢ q·Fᵢ, with pᵢ the part of Fᵢ orthogonal to q
/// (<see cref="SimplexQuadratic"/>): for Fᵢ + πᵢq has the same product with q for every i. If either ends on the other's side, it is
/// on the kink: the min-norm point of the corners at which the kink cuts the edges of the simplex. Of the
/// candidates the best is taken.
/// </para>
/// <para>A task with Fᵢ = 0 is left out and has the weight 0; where all are, all weights are equal. Where q = 0 the min-norm point is it.</para>
/// </remarks>
internal static class BarrierMinNorm
{
    /// <param name="g">The inner products of the Fᵢ.</param>
    /// <param name="products">q·Fᵢ.</param>
    /// <param name="squared">‖q‖².</param>
    /// <param name="rho">ρ > 0.</param>
    public static SimplexSolution Solve(Gramian g, double[] products, double squared, double rho)
    {
        int[] alive = [.. Enumerable.Range(0, g.Count).Where(i => g[i, i] > 0)];
        if (alive.Length == 0 || squared == 0)
        {
            var point = MinNorm.Solve(g);
            return new(point.Weights, point.Iterations, point.Exit);
        }

        var problem = new Problem(Part(g, alive), Array.ConvertAll(alive, i => products[i]), squared, rho);
        SimplexSolution[] candidates = [.. problem.Candidates()];
        var best = candidates.MinBy(c => problem.Objective(c.Weights))!;
        var weights = new double[g.Count];
        for (var k = 0; k < alive.Length; k++)
        {
            weights[alive[k]] = best.Weights[k];
        }

        return new(weights, candidates.Sum(c => c.Iterations), best.Exit);
    }

    /// <summary>ν = max(0, Σ λᵢπᵢ).</summary>
    public static double Multiplier(IReadOnlyList<double> weights, double[] products, double squared, double rho) =>
        squared == 0 ? 0 : Math.Max(0, weights.Select((w, i) => w * (rho - (products[i] / squared))).Sum());

    private static double[,] Part(Gramian g, int[] rows)
    {
        var part = new double[rows.Length, rows.Length];
        for (var i = 0; i < rows.Length; i++)
        {
            for (var j = 0; j < rows.Length; j++)
            {
                part[i, j] = g[rows[i], rows[j]];
            }
        }

        return part;
    }

    private sealed class Problem(double[,] g, double[] products, double squared, double rho)
    {
        private readonly double[] pi = Array.ConvertAll(products, a => rho - (a / squared));

        public double Objective(double[] w)
        {
            var nu = Multiplier(w, products, squared, rho);
            var norm = 0.0;
            for (var i = 0; i < w.Length; i++)
            {
                for (var j = 0; j < w.Length; j++)
                {
                    norm += w[i] * w[j] * g[i, j];
                }
            }

            var product = w.Select((v, i) => v * products[i]).Sum();
            return ((norm + (2 * nu * product) + (nu * nu * squared)) / 2) - (nu * rho * squared / 2);
        }

        public IEnumerable<SimplexSolution> Candidates()
        {
            var free = MinNorm.Solve(new(g));
            yield return new(free.Weights, free.Iterations, free.Exit);
            if (Level(free.Weights) <= 0)
            {
                yield break;
            }

            var barred = Barred();
            yield return barred;
            if (Level(barred.Weights) < 0)
            {
                yield return Kink();
            }
        }

        private double Level(double[] w) => w.Select((v, i) => v * pi[i]).Sum();

        /// <summary>The minimum if ν were Σ λᵢπᵢ of either sign.</summary>
        private SimplexSolution Barred()
        {
            var orthogonal = new double[pi.Length, pi.Length];
            for (var i = 0; i < pi.Length; i++)
            {
                for (var j = 0; j < pi.Length; j++)
                {
                    orthogonal[i, j] = g[i, j] - (products[i] / squared * products[j]);
                }
            }

            return SimplexQuadratic.Solve(orthogonal, Array.ConvertAll(products, a => rho / 2 * a));
        }

        /// <summary>The min-norm point where Σ λᵢπᵢ = 0, the hull of the points at which that cuts the edges from negative to positive πᵢ.</summary>
        private SimplexSolution Kink()
        {
            List<double[]> corners = [];
            for (var i = 0; i < pi.Length; i++)
            {
                if (pi[i] == 0)
                {
                    corners.Add(Between(i, i, 1));
                }

                for (var j = 0; pi[i] < 0 && j < pi.Length; j++)
                {
                    if (pi[j] > 0)
                    {
                        corners.Add(Between(i, j, pi[j] / (pi[j] - pi[i])));
                    }
                }
            }

            var entries = new double[corners.Count, corners.Count];
            for (var a = 0; a < corners.Count; a++)
            {
                for (var b = 0; b <= a; b++)
                {
                    entries[a, b] = entries[b, a] = Product(corners[a], corners[b]);
                }

                if (entries[a, a] <= 0)
                {
                    return new(corners[a], 1, SolverExit.Optimal); // gradients cancel: there is nothing shorter
                }
            }

            var point = MinNorm.Solve(new(entries));
            double[] weights = [.. pi.Select((_, i) => corners.Select((corner, k) => corner[i] * point.Weights[k]).Sum())];
            return new(weights, point.Iterations, point.Exit);
        }

        private double[] Between(int i, int j, double share)
        {
            var corner = new double[pi.Length];
            corner[j] = 1 - share;
            corner[i] += share;
            return corner;
        }

        private double Product(double[] v, double[] w)
        {
            var sum = 0.0;
            for (var i = 0; i < v.Length; i++)
            {
                for (var j = 0; v[i] != 0 && j < w.Length; j++)
                {
                    sum += v[i] * w[j] * g[i, j];
                }
            }

            return sum;
        }
    }
}
