using FluentAssertions;

namespace MultiTask.Tests.Fixtures;

/// <summary>
/// The laws of the literature, as assertions that every method uses which claims them. A method is a function from a
/// Gramian to weights; its direction is d = Σ wᵢ gᵢ.
/// </summary>
/// <remarks>
/// "To a tolerance" is relative to what was added up, Σ |wᵢ| ‖gᵢ‖ (<see cref="Length"/>): where terms cancel, float64 knows
/// no more.
/// </remarks>
internal static class Laws
{
    /// <summary>gᵢ · d ≥ 0 for every task: no task gets worse, to first order.</summary>
    public static void NonConflicting(Func<Gramian, double[]> method, IEnumerable<GramianSample> samples, double tolerance = 1e-9)
    {
        foreach (var sample in samples)
        {
            var g = sample.Gramian;
            var w = method(g);
            var products = g.Times(w);
            var length = Length(g, w);
            for (var i = 0; i < g.Count; i++)
            {
                products[i].Should().BeGreaterThanOrEqualTo(-tolerance * length * g.Norm(i), "{0}, task {1}", sample, i);
            }
        }
    }

    /// <summary>Every weight is a number.</summary>
    public static void Finite(Func<Gramian, double[]> method, IEnumerable<GramianSample> samples)
    {
        foreach (var sample in samples)
        {
            var w = method(sample.Gramian);
            w.Should().HaveCount(sample.Gramian.Count);
            Array.TrueForAll(w, double.IsFinite).Should().BeTrue("{0}", sample); // OnlyContain compiles its condition each time
        }
    }

    /// <summary>The order of the tasks does not matter.</summary>
    public static void PermutationEquivariant(Func<Gramian, double[]> method, IEnumerable<GramianSample> samples, double tolerance = 1e-9)
    {
        foreach (var sample in samples)
        {
            var order = Enumerable.Range(0, sample.Rows.Length).ToArray();
            new Random(order.Length).Shuffle(order);
            var permuted = method(Gramians.Of([.. order.Select(i => sample.Rows[i])]));
            var back = new double[order.Length];
            for (var k = 0; k < order.Length; k++)
            {
                back[order[k]] = permuted[k];
            }

            SameDirection(sample, back, method(sample.Gramian), tolerance);
        }
    }

    /// <summary>All gradients times c: the direction times <c>c^degree</c>. Most methods have the degree 1: as for a sum.</summary>
    public static void Homogeneous(Func<Gramian, double[]> method, IEnumerable<GramianSample> samples, double degree = 1, double tolerance = 1e-9)
    {
        const double C = 1024;
        foreach (var sample in samples)
        {
            var scaled = method(Gramians.Of(Scaled(sample.Rows, _ => C)));
            SameDirection(sample, Array.ConvertAll(scaled, w => w * Math.Pow(C, 1 - degree)), method(sample.Gramian), tolerance);
        }
    }

    /// <summary>The scale of each task's gradient by itself does not matter.</summary>
    public static void ScaleInvariantPerTask(Func<Gramian, double[]> method, IEnumerable<GramianSample> samples, double tolerance = 1e-9)
    {
        foreach (var sample in samples)
        {
            var random = new Random(sample.Rows.Length);
            var c = Array.ConvertAll(sample.Rows, _ => Math.Pow(10, (4 * random.NextDouble()) - 2));
            var scaled = method(Gramians.Of(Scaled(sample.Rows, i => c[i])));
            SameDirection(sample, [.. scaled.Zip(c, (w, factor) => w * factor)], method(sample.Gramian), tolerance);
        }
    }

    /// <summary>d(diag(a + b) J) = d(diag(a) J) + d(diag(b) J) for all a, b &gt; 0: a task counts in proportion to its gradient.</summary>
    public static void LinearUnderScaling(Func<Gramian, double[]> method, IEnumerable<GramianSample> samples, double tolerance = 1e-9)
    {
        foreach (var sample in samples)
        {
            var random = new Random(sample.Rows.Length);
            var a = Array.ConvertAll(sample.Rows, _ => 0.1 + random.NextDouble());
            var b = Array.ConvertAll(sample.Rows, _ => 0.1 + random.NextDouble());
            double[] Weights(Func<int, double> c) =>
                [.. method(Gramians.Of(Scaled(sample.Rows, c))).Select((w, i) => w * c(i))];
            double[] sum = [.. Weights(i => a[i]).Zip(Weights(i => b[i]), (x, y) => x + y)];
            SameDirection(sample, sum, Weights(i => a[i] + b[i]), tolerance);
        }
    }

    /// <summary>uᵢ · d is the same for all tasks, uᵢ = gᵢ / ‖gᵢ‖: every task improves as fast, for the length of its gradient.</summary>
    public static void EqualProjections(Func<Gramian, double[]> method, IEnumerable<GramianSample> samples, double tolerance = 1e-9)
    {
        foreach (var sample in samples)
        {
            var g = sample.Gramian;
            var w = method(g);
            var projections = g.Times(w).Select((p, i) => p / g.Norm(i)).ToArray();
            (projections.Max() - projections.Min()).Should().BeLessThanOrEqualTo(tolerance * Length(g, w), "{0}", sample);
        }
    }

    /// <summary>Where no two tasks are in conflict, the method does what a sum does, times a factor.</summary>
    public static void SumWithoutConflict(Func<Gramian, double[]> method, double factor, double tolerance = 1e-9)
    {
        var random = new Random(11);
        for (var k = 0; k < 500; k++)
        {
            var rows = Gramians.Normal(random, 2 + (k % 9), 6).Select(row => Array.ConvertAll(row, Math.Abs)).ToArray();
            var w = method(Gramians.Of(rows));
            w.Should().OnlyContain(v => Math.Abs(v - factor) <= tolerance, "#{0}", k);
        }
    }

    /// <summary>Σ |wᵢ| ‖gᵢ‖.</summary>
    public static double Length(Gramian g, IReadOnlyList<double> w) => w.Select((v, i) => Math.Abs(v) * g.Norm(i)).Sum();

    /// <summary>Σ wᵢ gᵢ, entry by entry.</summary>
    public static double[] Direction(double[][] rows, IReadOnlyList<double> w) =>
        [.. Enumerable.Range(0, rows[0].Length).Select(k => rows.Select((row, i) => w[i] * row[k]).Sum())];

    public static void SameDirection(GramianSample sample, double[] found, double[] expected, double tolerance)
    {
        var (a, b) = (Direction(sample.Rows, found), Direction(sample.Rows, expected));
        var length = Math.Max(Length(sample.Gramian, found), Length(sample.Gramian, expected));
        for (var k = 0; k < a.Length; k++)
        {
            a[k].Should().BeApproximately(b[k], tolerance * length, "{0}, entry {1}", sample, k);
        }
    }

    private static double[][] Scaled(double[][] rows, Func<int, double> factor) =>
        [.. rows.Select((row, i) => Array.ConvertAll(row, v => v * factor(i)))];
}
