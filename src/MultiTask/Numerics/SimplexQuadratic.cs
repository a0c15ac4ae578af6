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

    /// <param name="q">Q, m × m; a diagonal that rounding made negative counts as 0.</param>
    /// <param name="c">c, m numbers.</param>
    public static SimplexSolution Solve(double[,] q, double[] c)
    {
        var members = new Members(q, c, Enumerable.Range(0, c.Length).MinBy(i => (q[i, i] / 2) + c[i]));
        var limit = 20 * (c.Length + 10);
        HashSet<int> refused = [];
        for (var iteration = 1; iteration <= limit; iteration++)
        {
            var entering = members.MostViolating(refused);
            if (entering < 0)
            {
                return new(members.Weights, iteration, refused.Count == 0 ? SolverExit.Optimal : SolverExit.NoProgress);
            }

            if (members.Enter(entering))
            {
                refused.Clear();
            }
            else
            {
                refused.Add(entering);
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
        /// The weight whose slope is furthest below that of the members, or the member that is not yet level with them, in units of
        /// rounding and if by more than that; else -1. At the minimum the members are level; the smallest knows it best.
        /// </summary>
        /// <param name="refused">Those that the objective did not fall with.</param>
        public int MostViolating(HashSet<int> refused)
        {
            var slopes = Slopes(w);
            var smallest = Smallest();
            var length = Dense.Dot(w, roots);
            var (worst, violation) = (-1, 1.0);
            for (var j = 0; j < w.Length; j++)
            {
                var below = slopes[smallest] - slopes[j];
                var rounding = 8 * Dense.Epsilon * w.Length * ((length * (roots[smallest] + roots[j])) + Math.Abs(c[smallest]) + Math.Abs(c[j]));
                below = members.Contains(j) ? Math.Abs(below) : below;
                if (below > rounding * violation && !refused.Contains(j))
                {
                    (worst, violation) = (j, below / rounding);
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
            if (Dense.Dot(moved, Slopes(before)) + (Dense.Dot(moved, Times(moved)) / 2) < 0)
            {
                return true;
            }

            (w, members) = (before, kept);
            return Exchange(entering);
        }

        /// <summary>
        /// Moves weight from the member with the steepest slope to another as long as the objective falls: what is left to do where
        /// members are dependent, and the way to their minimum is all rounding.
        /// </summary>
        private bool Exchange(int entering)
        {
            var slopes = Slopes(w);
            var leaving = members.Where(i => w[i] > 0).MaxBy(i => slopes[i]);
            var fall = slopes[leaving] - slopes[entering];
            var curvature = roots[entering] == 0 && roots[leaving] == 0 ? 0 : q[entering, entering] + q[leaving, leaving] - (2 * q[entering, leaving]);
            var step = fall < curvature * w[leaving] ? fall / curvature : w[leaving];
            if (leaving == entering || !(fall > 0) || w[leaving] - step == w[leaving])
            {
                return false;
            }

            w = [.. w];
            w[entering] += step;
            w[leaving] -= step;
            members = [.. members.Union([entering]).Where(i => w[i] > 0)];
            return true;
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

        /// <summary>
        /// From w to the minimum over the members: d with all slopes at w + d the same, and Σ d = 0. The weight of the smallest member
        /// makes up for the others: in terms of these, Q is (eᵢ − eᵣ)ᵀQ(eⱼ − eᵣ), whose diagonal rounding may have eaten.
        /// </summary>
        private double[] WayToMinimum()
        {
            var slopes = Slopes(w);
            var r = Smallest();
            int[] others = [.. members.Where(i => i != r)];
            var a = new double[others.Length, others.Length];
            for (var i = 0; i < others.Length; i++)
            {
                for (var j = 0; j <= i; j++)
                {
                    a[i, j] = q[others[i], others[j]] - q[others[i], r] - q[r, others[j]] + q[r, r];
                }

                a[i, i] = Math.Max(a[i, i], Least(others[i]));
            }

            var way = new double[w.Length];
            var solution = new Cholesky(a).Solve(Array.ConvertAll(others, i => slopes[r] - slopes[i]));
            for (var i = 0; i < others.Length; i++)
            {
                way[others[i]] = solution[i];
                way[r] -= solution[i];
            }

            return way;

            double Least(int i)
            {
                var rounding = 4 * Dense.Epsilon * w.Length * ((roots[i] * roots[i]) + (roots[r] * roots[r]) + Math.Abs(c[i]) + Math.Abs(c[r]));
                return rounding > 0 ? rounding : 1; // 1: all is 0, and so is the way
            }
        }

        private int Smallest() => members.MinBy(i => roots[i]);

        private double[] Slopes(double[] at) => [.. Times(at).Zip(c, (product, linear) => product + linear)];

        private double[] Times(double[] x) => Dense.Times(q, x);
    }
}
