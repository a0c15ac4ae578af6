namespace MultiTask.Numerics;

/// <summary>The weights of the bargain, how many rounds it took to find it, and why the search ended.</summary>
internal sealed record BargainingSolution(double[] Weights, int Iterations, SolverExit Exit);

/// <summary>
/// The weights α > 0 with (Gα)ᵢ = pᵢ αᵢ^−q, for p, q > 0: where ½αᵀGα − Σ pᵢ φ(αᵢ) is least, φ being the logarithm for
/// q = 1 and α^(1−q)/(1−q) else. Nash bargaining has q = 1, α-fairness q = 1/α.
/// </summary>
/// <remarks>
/// <para>
/// With βᵢ = αᵢ‖gᵢ‖ and the cosines C in the place of G the condition reads (Cβ)ᵢ = rᵢ βᵢ^−q with rᵢ = pᵢ‖gᵢ‖^(q−1): no scale is
/// left, and for q = 1 no norm. The function is convex. The search starts at the solution for orthogonal gradients, βᵢ^(1+q) = rᵢ,
/// and makes Newton steps along straight lines: where gradients nearly cancel, their weights have to move together.
/// </para>
/// <para>
/// Float64 knows (Cβ)ᵢ to ε Σ |Cᵢⱼ| βⱼ; a condition that holds to that is met. Weights far below it say nothing to the others, and
/// are (rᵢ / (Cβ)ᵢ)^(1/q), possibly 0.
/// </para>
/// <para>
/// Where a convex combination of the gradients is 0 there is no bargain: α would be infinite. As in <see cref="MinNorm"/> the
/// diagonal is enlarged relative to itself, by 64εm, somewhat more than rounding may have taken from it; if the matrix is not
/// definite then (it was not computed in float64), by more. That moves (Gα)ᵢ by 64εm αᵢ‖gᵢ‖², bounds the weights of such
/// gradients, and lets their sum be 0. Gradients that are zero take no part and have the weight 0.
/// </para>
/// </remarks>
internal static class Bargaining
{

    /// <param name="g">The Gramian.</param>
    /// <param name="p">p > 0, one for each task.</param>
    /// <param name="q">q > 0.</param>
    public static BargainingSolution Solve(Gramian g, IReadOnlyList<double> p, double q)
    {
        var alive = Enumerable.Range(0, g.Count).Where(i => g[i, i] > 0).ToArray();
        var weights = new double[g.Count];
        if (alive.Length == 0)
        {
            return new(weights, 0, SolverExit.Optimal);
        }

        var logNorm = Array.ConvertAll(alive, i => Math.Log(g.Norm(i)));
        var search = new Search(Definite(g, alive), [.. alive.Select((task, i) => Math.Log(p[task]) + ((q - 1) * logNorm[i]))], q);
        var exit = search.Run();
        for (var i = 0; i < alive.Length; i++)
        {
            weights[alive[i]] = Math.Exp(search.LogWeight(i) - logNorm[i]);
        }

        return new(weights, search.Iterations, exit);
    }

    /// <summary>The cosines of the gradients that are not zero, with a ridge that makes them positive definite.</summary>
    private static double[,] Definite(Gramian g, int[] alive)
    {
        var m = alive.Length;
        var c = new double[m, m];
        for (var i = 0; i < m; i++)
        {
            for (var j = 0; j < m; j++)
            {
                c[i, j] = g.Cosine(alive[i], alive[j]);
            }
        }

        for (var ridge = 64 * Dense.Epsilon * m; ; ridge *= 16)
        {
            for (var i = 0; i < m; i++)
            {
                c[i, i] = 1 + ridge;
            }

            if (ridge > m || new Cholesky(c).IsDefinite)
            {
                return c;
            }
        }
    }

    /// <summary>Newton's method for sᵢ = tᵢ, where s = Cβ are the rates of the tasks and tᵢ = rᵢ βᵢ^−q their targets.</summary>
    private sealed class Search
    {
        private const int Limit = 300;
        private const double Floor = 1e-17;
        private readonly double[,] c;
        private readonly double[] logR;
        private readonly double q;
        private readonly int m;
        private readonly double[] beta;
        private readonly double[] rates;
        private readonly double[] noise;
        private readonly double[] targets;
        private readonly bool[] floored;
        private double[] best;
        private double least = double.PositiveInfinity;

        public Search(double[,] c, double[] logR, double q)
        {
            (this.c, this.logR, this.q, m) = (c, logR, q, logR.Length);
            (rates, noise, targets, floored) = (new double[m], new double[m], new double[m], new bool[m]);
            beta = best = Array.ConvertAll(logR, r => Math.Exp(r / (1 + q)));
            Refresh();
            var scale = Math.Pow(Dense.Dot(targets, beta) / Dense.Dot(rates, beta), 1 / (1 + q));
            Move(beta, scale - 1);
        }

        public int Iterations { get; private set; }

        /// <summary>Until the conditions hold to rounding, or have come no closer for some rounds.</summary>
        public SolverExit Run()
        {
            for (var idle = 0; idle < (least <= 64 ? 4 : 40); idle++)
            {
                if (Iterations++ == Limit)
                {
                    return SolverExit.IterationLimit;
                }

                Refresh();
                if (Excess() is var excess && excess < least)
                {
                    (best, least, idle) = ((double[])beta.Clone(), excess, -1);
                    if (least <= 1)
                    {
                        return SolverExit.Optimal;
                    }
                }

                Step();
            }

            // Within some units of rounding is as good as it gets.
            return least <= 64 ? SolverExit.Optimal : SolverExit.NoProgress;
        }

        /// <summary>
        /// log βᵢ; of a weight that was kept from falling further, x with q x + log(Cᵢᵢ eˣ + what the others add to its rate) = log rᵢ.
        /// </summary>
        public double LogWeight(int i)
        {
            var x = Math.Log(best[i]);
            if (best[i] > 2 * Floor * best.Sum())
            {
                return x;
            }

            var others = 0.0;
            for (var j = 0; j < m; j++)
            {
                others += j == i ? 0 : c[i, j] * best[j];
            }

            others = Math.Max(others, 0);
            for (var k = 0; k < 50; k++)
            {
                // Convex and rising, with a slope between q and 1 + q: Newton's steps from where it is positive only fall.
                var own = c[i, i] * Math.Exp(x);
                var value = (q * x) + Math.Log(own + others) - logR[i];
                if (!(value > 0))
                {
                    break;
                }

                x -= value / (q + (own / (own + others)));
            }

            return x;
        }

        private void Refresh()
        {
            var floor = Floor * beta.Sum();
            for (var i = 0; i < m; i++)
            {
                floored[i] = beta[i] <= floor;
                beta[i] = Math.Max(beta[i], floor);
                targets[i] = Target(i, beta[i]);
            }

            for (var i = 0; i < m; i++)
            {
                (rates[i], noise[i]) = (0, 0);
                for (var j = 0; j < m; j++)
                {
                    rates[i] += c[i, j] * beta[j];
                    noise[i] += Dense.Epsilon * Math.Abs(c[i, j]) * beta[j];
                }
            }
        }

        private double Target(int i, double b) => Math.Exp(logR[i] - (q * Math.Log(b)));

        /// <summary>The largest |sᵢ − tᵢ|, in units of rounding; a weight at the floor may have sᵢ > tᵢ.</summary>
        private double Excess()
        {
            var excess = 0.0;
            for (var i = 0; i < m; i++)
            {
                if (!floored[i] || rates[i] < targets[i])
                {
                    var digits = 8 * (1 + Math.Abs(q * Math.Log(beta[i])) + Math.Abs(logR[i]));
                    excess = Math.Max(excess, Math.Abs(rates[i] - targets[i]) / (noise[i] + (Dense.Epsilon * digits * targets[i])));
                }
            }

            return excess;
        }

        /// <summary>In the box of <see cref="Lowest"/>; where that leads nowhere, without it as well: by convexity, a way down.</summary>
        private void Step()
        {
            var way = Way(boxed: true);
            var step = LineSearch(way);
            Move(way, step);
            if (step < 0.01)
            {
                Refresh();
                way = Way(boxed: false);
                Move(way, LineSearch(way));
            }
        }

        private void Move(double[] way, double step)
        {
            for (var i = 0; i < m; i++)
            {
                beta[i] += step * way[i];
            }
        }

        /// <summary>
        /// The Newton step. In the box, weights that would leave it go to its boundary, those first that ought to fall, and the others
        /// are asked again.
        /// </summary>
        private double[] Way(bool boxed)
        {
            var way = new double[m];
            for (var free = Enumerable.Range(0, m).ToArray(); free.Length > 0;)
            {
                var step = Newton(free, way);
                var leaving = free.Where((k, i) => boxed && step[i] < (Lowest(k) - 1) * beta[k]).ToArray();
                if (leaving.Length == 0)
                {
                    for (var i = 0; i < free.Length; i++)
                    {
                        way[free[i]] = step[i];
                    }

                    break;
                }

                var falling = Array.FindAll(leaving, k => rates[k] > targets[k]);
                leaving = falling.Length > 0 ? falling : leaving;
                foreach (var k in leaving)
                {
                    way[k] = (Lowest(k) - 1) * beta[k];
                }

                free = [.. free.Except(leaving)];
            }

            return way;
        }

        /// <summary>The steps of some weights, with those of the others given: (C + diag(q t/β)) dβ = t − s.</summary>
        private double[] Newton(int[] free, double[] given)
        {
            var a = new double[free.Length, free.Length];
            var b = new double[free.Length];
            for (var i = 0; i < free.Length; i++)
            {
                var k = free[i];
                for (var j = 0; j <= i; j++)
                {
                    a[i, j] = c[k, free[j]];
                }

                a[i, i] += q * targets[k] / beta[k];
                b[i] = targets[k] - rates[k];
                for (var j = 0; j < m; j++)
                {
                    b[i] -= c[k, j] * given[j];
                }
            }

            return new Cholesky(a).Solve(b);
        }

        /// <summary>
        /// How far a weight may fall in one step: to a hundredth; where its target rises steeply, to where that has risen a
        /// hundredfold, or to its rate.
        /// </summary>
        private double Lowest(int i) => Math.Max(0.01, Math.Pow(Math.Min(0.01, rates[i] > 0 ? targets[i] / rates[i] : 0.01), 1 / q));

        /// <summary>
        /// Where the slope along the way, which rises from below 0 to above, has lost nine tenths: doubling, then bisection.
        /// Slopes say more than values where differences of values are all rounding; where steps are small, Newton's is right.
        /// </summary>
        private double LineSearch(double[] way)
        {
            var turn = Times(way);
            var slope = Slope(way, turn, 0);
            if (slope >= 0 || Enumerable.Range(0, m).All(i => Math.Abs(way[i]) < 0.1 * beta[i]))
            {
                return 1;
            }

            var enough = -0.1 * slope;
            var (low, high, step) = (0.0, double.PositiveInfinity, 1.0);
            for (var k = 0; k < 60; k++)
            {
                slope = Slope(way, turn, step);
                if (Math.Abs(slope) <= enough)
                {
                    return step;
                }

                (low, high) = slope < 0 ? (step, high) : (low, step);
                step = double.IsInfinity(high) ? 2 * step : (low + high) / 2;
            }

            return low;
        }

        private double Slope(double[] way, double[] turn, double step)
        {
            var slope = 0.0;
            for (var i = 0; i < m; i++)
            {
                var b = beta[i] + (step * way[i]);
                if (b <= 0)
                {
                    return double.PositiveInfinity;
                }

                slope += way[i] * (rates[i] + (step * turn[i]) - Target(i, b));
            }

            return slope;
        }

        private double[] Times(double[] x) => Dense.Times(c, x);
    }
}
