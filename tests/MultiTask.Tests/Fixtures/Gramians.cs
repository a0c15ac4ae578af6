namespace MultiTask.Tests.Fixtures;

/// <summary>One Jacobian, row by row, its Gramian, and what kind of trouble it is.</summary>
internal sealed record GramianSample(string Name, double[][] Rows, Gramian Gramian)
{
    public override string ToString() => Name;
}

/// <summary>
/// Seeded random Gramians that solvers find hard. Each comes from a Jacobian, so that it is what training would give:
/// symmetric, positive semi-definite to rounding, and no better resolved than float64 products are.
/// </summary>
internal static class Gramians
{
    private static readonly (string Name, Action<Random, double[][]> Spoil)[] Troubles =
    [
        ("generic", (_, _) => { }),
        ("near-duplicate", (random, rows) => Copy(random, rows, sign: 1, Math.Pow(10, Between(random, -12, -3)))),
        ("near-opposite", (random, rows) => Copy(random, rows, sign: -1, Math.Pow(10, Between(random, -12, -3)))),
        ("duplicate", (random, rows) => Copy(random, rows, sign: 1, distance: 0)),
        ("opposite", (random, rows) => Copy(random, rows, sign: -1, distance: 0)),
        ("zero rows", Zero),
        ("spread norms", (random, rows) => Scale(rows, _ => Math.Pow(10, Between(random, -5, 5)))),
        ("one direction", Align),
        ("far from the origin", Shift),
    ];

    /// <summary>
    /// Samples in turn from all kinds, and from pairs of kinds; half of them at a scale between 1e-30 and 1e30 of G; half
    /// of them with fewer entries than tasks.
    /// </summary>
    public static IEnumerable<GramianSample> Draw(int count, int seed, int least = 2, int most = 40) =>
        Enumerable.Range(0, count).Select(k => At(k, seed, least, most));

    /// <summary>One of the samples: what a failure names as <c>#k</c>.</summary>
    public static GramianSample At(int k, int seed, int least = 2, int most = 40)
    {
        var random = new Random(unchecked((seed * 1_000_003) + k));
        var first = Troubles[k % Troubles.Length];
        var second = Troubles[random.Next(2) == 0 ? 0 : random.Next(Troubles.Length)];
        var m = Small(random, least, most);
        var n = random.Next(2) == 0 ? random.Next(1, m + 1) : m + random.Next(1, 20);
        var rows = Normal(random, m, n);
        first.Spoil(random, rows);
        second.Spoil(random, rows);
        var scale = random.Next(2) == 0 ? 1 : Math.Pow(10, Between(random, -15, 15));
        Scale(rows, _ => scale);
        return new($"#{k} {first.Name}, {second.Name}, m = {m}, n = {n}, scale {scale:g3}", rows, Of(rows));
    }

    /// <summary>J Jᵀ.</summary>
    public static Gramian Of(double[][] rows)
    {
        var g = new double[rows.Length, rows.Length];
        for (var i = 0; i < rows.Length; i++)
        {
            for (var j = 0; j <= i; j++)
            {
                g[i, j] = g[j, i] = Dot(rows[i], rows[j]);
            }
        }

        return new(g);
    }

    /// <summary>m rows of n standard normal numbers.</summary>
    public static double[][] Normal(Random random, int m, int n) =>
        [.. Enumerable.Range(0, m).Select(_ => Enumerable.Range(0, n).Select(_ => Gaussian(random)).ToArray())];

    public static double Dot(IReadOnlyList<double> a, IReadOnlyList<double> b)
    {
        var sum = 0.0;
        for (var i = 0; i < a.Count; i++)
        {
            sum += a[i] * b[i];
        }

        return sum;
    }

    public static double Gaussian(Random random) =>
        Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(2 * Math.PI * random.NextDouble());

    private static double Between(Random random, double low, double high) => low + ((high - low) * random.NextDouble());

    /// <summary>Mostly few tasks, sometimes many.</summary>
    private static int Small(Random random, int least, int most) =>
        least + (int)((most - least + 1) * Math.Pow(random.NextDouble(), 3));

    private static void Copy(Random random, double[][] rows, int sign, double distance)
    {
        var copies = 1 + random.Next(rows.Length - 1);
        for (var k = 0; k < copies; k++)
        {
            var (from, to) = (random.Next(rows.Length), random.Next(rows.Length));
            if (from != to)
            {
                rows[to] = Array.ConvertAll(rows[from], v => sign * (v + (distance == 0 ? 0 : distance * Gaussian(random))));
            }
        }
    }

    private static void Zero(Random random, double[][] rows)
    {
        for (var k = random.Next(1, rows.Length); k > 0; k--)
        {
            Array.Clear(rows[random.Next(rows.Length)]);
        }
    }

    private static void Scale(double[][] rows, Func<int, double> factor)
    {
        for (var i = 0; i < rows.Length; i++)
        {
            var f = factor(i);
            rows[i] = Array.ConvertAll(rows[i], v => v * f);
        }
    }

    /// <summary>Every row a multiple of the first, plus a little.</summary>
    private static void Align(Random random, double[][] rows)
    {
        var distance = Math.Pow(10, Between(random, -12, 0));
        for (var i = 1; i < rows.Length; i++)
        {
            var c = Gaussian(random);
            rows[i] = [.. rows[0].Select(v => (c * v) + (distance * Gaussian(random)))];
        }
    }

    /// <summary>The same large vector on top of every row: no conflict, and differences that are small beside the norms.</summary>
    private static void Shift(Random random, double[][] rows)
    {
        var shift = Math.Pow(10, Between(random, 0, 6));
        foreach (var row in rows)
        {
            for (var k = 0; k < row.Length; k++)
            {
                row[k] += shift;
            }
        }
    }
}
