using System.Numerics;

namespace MultiTask.Numerics;

/// <summary>
/// A search for the shortest Σ vᵢgᵢ with v ≥ u: weights that may leave their bound are members, all others stand at it.
/// Each round lets one in, and drops those that would fall below their bounds.
/// </summary>
/// <remarks>
/// <para>
/// Float64 knows each product gᵢ·d, for d = Σ vⱼgⱼ, to ε‖gᵢ‖ Σ vⱼ‖gⱼ‖: what was added up counts, not what is left of it. All
/// tolerances are in these units. The diagonal is enlarged by as much as rounding may have taken from it, so that the
/// matrix is positive definite even where gradients are parallel or opposite.
/// </para>
/// <para>Gradients that are exactly zero take no part.</para>
/// </remarks>
internal abstract class ActiveSet
{
    private readonly double[] lower;
    private double[] weights;
    private double[]? products;

    /// <param name="g">What <see cref="Definite"/> made of the Gramian.</param>
    /// <param name="lower">The bounds u ≥ 0.</param>
    /// <param name="start">Weights to start from.</param>
    /// <param name="members">Those of them that may differ from their bounds.</param>
    protected ActiveSet(double[][] g, double[] lower, double[] start, IEnumerable<int> members)
    {
        (G, weights, this.lower) = (g, start, lower);
        Members = [.. members];
        Norms = [.. Enumerable.Range(0, start.Length).Select(i => Math.Sqrt(g[i][i]))];
    }

    /// <summary>The Gramian with its enlarged diagonal, by rows.</summary>
    protected double[][] G { get; }

    /// <summary>The weights so far.</summary>
    protected double[] V
    {
        get => weights;
        private set => (weights, products) = (value, null);
    }

    /// <summary>G v: the product of each gradient with d.</summary>
    protected double[] Products => products ??= Array.ConvertAll(G, row => Dot(row, V));

    /// <summary>The tasks whose weights may be above their bounds.</summary>
    protected List<int> Members { get; private set; }

    /// <summary>‖gᵢ‖.</summary>
    protected double[] Norms { get; }

    /// <summary>The part of a product of what was added up that rounding may have made.</summary>
    protected double Rounding => 4 * Dense.Epsilon * V.Length;

    /// <summary>The Gramian, positive definite but for zeros on its diagonal.</summary>
    public static double[][] Definite(Gramian g)
    {
        var entries = new double[g.Count][];
        for (var i = 0; i < g.Count; i++)
        {
            entries[i] = new double[g.Count];
            for (var j = 0; j < g.Count; j++)
            {
                entries[i][j] = i == j ? g[i, i] * (1 + (4 * Dense.Epsilon * g.Count)) : g[i, j];
            }
        }

        return entries;
    }

    /// <summary>Searches until no gradient violates its condition by more than rounding.</summary>
    protected (int Iterations, SolverExit Exit) Search()
    {
        var limit = 20 * (V.Length + 10);
        for (var iteration = 1; iteration <= limit; iteration++)
        {
            var entering = MostViolating();
            if (entering < 0)
            {
                return (iteration, SolverExit.Optimal);
            }

            if (!Enter(entering))
            {
                return (iteration, SolverExit.NoProgress);
            }
        }

        return (limit, SolverExit.IterationLimit);
    }

    /// <summary>The gradient that most violates its optimality condition, for its length, if by more than rounding; else -1.</summary>
    protected abstract int MostViolating();

    /// <summary>From V to the optimum over the members if they had no bounds. That it is the way, not its end, keeps rounding small near the optimum.</summary>
    /// <returns>The way of each member, in their order.</returns>
    protected abstract double[] Way();

    /// <summary>Lets a gradient in; false, and all as it was, when the norm does not fall.</summary>
    private bool Enter(int entering)
    {
        var (before, was, kept) = (V, Products, Members);
        Members = [.. Members, entering];
        for (var blocking = Move(); blocking >= 0; blocking = Move())
        {
            V[blocking] = lower[blocking];
            Members.Remove(blocking);
        }

        if (Change(before, was) < 0)
        {
            return true;
        }

        (V, Members) = (before, kept);
        return false;
    }

    /// <summary>‖d + Δ‖² − ‖d‖² = 2 d·Δ + ‖Δ‖²: near the optimum the difference of the squares themselves is all rounding.</summary>
    private double Change(double[] before, double[] was)
    {
        var moved = Enumerable.Range(0, V.Length).Where(i => V[i] != before[i]).ToArray();
        var (linear, square) = (0.0, 0.0);
        foreach (var i in moved)
        {
            var d = V[i] - before[i];
            linear += d * was[i];
            foreach (var j in moved)
            {
                square += d * G[i][j] * (V[j] - before[j]);
            }
        }

        return (2 * linear) + square;
    }

    /// <summary>Goes as far on the way as no weight falls below its bound; the member that blocks it, or -1.</summary>
    private int Move()
    {
        var way = Way();
        var (step, blocking) = (1.0, -1);
        for (var k = 0; k < way.Length; k++)
        {
            var i = Members[k];
            var room = V[i] - lower[i];
            if (room + way[k] <= 0)
            {
                var reach = room == 0 ? 0 : -room / way[k];
                if (reach <= step)
                {
                    (step, blocking) = (reach, i);
                }
            }
        }

        var next = (double[])V.Clone();
        for (var k = 0; k < way.Length; k++)
        {
            next[Members[k]] = Math.Max(lower[Members[k]], V[Members[k]] + (step * way[k]));
        }

        V = next;
        return blocking;
    }

    private static double Dot(double[] a, double[] b)
    {
        var sums = Vector<double>.Zero;
        var i = 0;
        for (; i <= a.Length - Vector<double>.Count; i += Vector<double>.Count)
        {
            sums += new Vector<double>(a, i) * new Vector<double>(b, i);
        }

        var sum = Vector.Sum(sums);
        for (; i < a.Length; i++)
        {
            sum += a[i] * b[i];
        }

        return sum;
    }
}
