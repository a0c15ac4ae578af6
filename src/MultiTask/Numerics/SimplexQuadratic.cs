namespace MultiTask.Numerics;

/// <summary>The weights, how many rounds it took to find them, and why the search ended.</summary>
internal sealed record SimplexSolution(double[] Weights, int Iterations, SolverExit Exit);

/// <summary>min ½ wᵀQw + cᵀw over w ≥ 0, Σ w = 1, for a positive semi-definite Q.</summary>
/// <remarks>
/// <para>
/// A primal active-set method (Nocedal and Wright, <i>Numerical Optimization</i>, section 16.5), the kin of <see cref="MinNorm"/>, to which c
/// is 0: members are those weights that may be positive; each round moves to the minimum over the members, drops those that stand in
/// the way, and lets the weight in along whose edge the objective falls fastest.
/// </para>
/// <para>
/// The slope by a weight is known to rounding × (√Qᵢᵢ Σ wⱼ√Qⱼⱼ + |cᵢ|): what was added up counts. All tolerances are in these units.
/// </para>
/// </remarks>
internal static class SimplexQuadratic
{
    private const double Epsilon = 2.2e-16;

    /// <param name="q">Q, m × m; a diagonal that rounding made negative counts as 0.</param>
    /// <param name="c">c, m numbers.</param>
    public static SimplexSolution Solve(double[,] q, double[] c)
    {
        var members = new Members(q, c, Enumerable.Range(0, c.Length).MinBy(i => (q[i, i] / 2) + c[i]));
        var limit = 20 * (c.Length + 10);
        for (var iteration = 1; iteration <= limit; iteration++)
        {
            var entering = members.MostViolating();
            if (entering < 0)
            {
                return new(members.Weights, iteration, SolverExit.Optimal);
            }

            if (!members.Enter(entering))
            {
                return new(members.Weights, iteration, SolverExit.NoProgress);
            }
        }

        return new(members.Weights, limit, SolverExit.IterationLimit);
    }

    /// <summary>The members and the best weights so far.</summary>
    private sealed class Members
    {
        private readonly double[,] q;
        private readonly double[] c;
        private readonly double[] roots;
        private List<int> members;
        private double[] w;

        public Members(double[,] q, double[] c, int first)
        {
            (this.q, this.c, members) = (q, c, [first]);
            roots = [.. c.Select((_, i) => Math.Sqrt(Math.Max(0, q[i, i])))];
            w = new double[c.Length];
            w[first] = 1;
        }

        public double[] Weights
        {
            get
            {
                var sum = w.Sum(); // 1, but for rounding
                return Array.ConvertAll(w, v => v / sum);
            }
        }

        /// <summary>
        /// The weight that the objective falls with, if by more than rounding: outside the members the one that it falls with
        /// fastest, else a member that is not yet level with the others; else -1.
        /// </summary>
        public int MostViolating()
        {
            var slopes = Slopes(w);
            var level = Dot(w, slopes);
            var length = Dot(w, roots);
            var added = (length * length) + members.Sum(i => w[i] * Math.Abs(c[i]));
            var (worst, violation) = (-1, 0.0);
            for (var j = 0; j < w.Length; j++)
            {
                var rounding = 8 * Epsilon * w.Length * (added + (roots[j] * length) + Math.Abs(c[j]));
                if (level - slopes[j] > Math.Max(rounding, violation))
                {
                    (worst, violation) = (j, level - slopes[j]);
                }
            }

            return worst;
        }

        /// <summary>Lets a weight in; false, and all as it was, when the objective does not fall.</summary>
        public bool Enter(int entering)
        {
            var (before, kept) = (w, members);
            members = members.Contains(entering) ? [.. members] : [.. members, entering];
            for (var blocking = MoveToMinimum(); blocking >= 0; blocking = MoveToMinimum())
            {
                w[blocking] = 0;
                members.Remove(blocking);
            }

            // ½dᵀQd + d·slope: near the optimum the difference of the objectives themselves is all rounding.
            var moved = w.Zip(before, (now, then) => now - then).ToArray();
            if (Dot(moved, Slopes(before)) + (Dot(moved, Times(moved)) / 2) < 0)
            {
                return true;
            }

            (w, members) = (before, kept);
            return false;
        }

        /// <summary>Moves as far towards the minimum over the members as weights stay ≥ 0; the member that blocks the way, or -1.</summary>
        private int MoveToMinimum()
        {
            var way = WayToMinimum();
            var (step, blocking) = (1.0, -1);
            foreach (var i in members.Where(i => w[i] + way[i] <= 0 && members.Count > 1))
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

        /// <summary>From w to the minimum over the members: d with all slopes at w + d the same, and Σ d = 0. Solved with Q + σ11ᵀ, for any σ.</summary>
        private double[] WayToMinimum()
        {
            var slopes = Slopes(w);
            var sigma = members.Max(i => Math.Max(0, q[i, i]));
            sigma = sigma > 0 ? sigma : members.Max(i => Math.Abs(c[i]));
            var a = new double[members.Count, members.Count];
            for (var i = 0; i < members.Count; i++)
            {
                for (var j = 0; j <= i; j++)
                {
                    a[i, j] = sigma + (i == j ? Math.Max(0, q[members[i], members[i]]) : q[members[i], members[j]]);
                }
            }

            var way = new double[w.Length];
            if (sigma == 0)
            {
                return way; // the objective is 0 over the members
            }

            var factor = new Cholesky(a);
            var ones = factor.Solve([.. members.Select(_ => 1.0)]);
            var down = factor.Solve([.. members.Select(i => slopes[members[0]] - slopes[i])]);
            var multiplier = down.Sum() / ones.Sum();
            for (var i = 0; i < members.Count; i++)
            {
                way[members[i]] = down[i] - (multiplier * ones[i]);
            }

            return way;
        }

        private double[] Slopes(double[] at) => [.. Times(at).Zip(c, (product, linear) => product + linear)];

        private double[] Times(double[] v)
        {
            var product = new double[v.Length];
            for (var i = 0; i < v.Length; i++)
            {
                for (var j = 0; j < v.Length; j++)
                {
                    product[i] += q[i, j] * v[j];
                }
            }

            return product;
        }

        private static double Dot(double[] a, double[] b)
        {
            var sum = 0.0;
            for (var i = 0; i < a.Length; i++)
            {
                sum += a[i] * b[i];
            }

            return sum;
        }
    }
}
