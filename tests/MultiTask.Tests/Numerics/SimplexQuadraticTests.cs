using FluentAssertions;
using MultiTask.Numerics;
using MultiTask.Tests.Fixtures;

namespace MultiTask.Tests.Numerics;

public sealed class SimplexQuadraticTests
{
    [Fact]
    public void The_optimality_conditions_hold()
    {
        var exits = new List<SolverExit>();
        foreach (var (sample, c) in Problems(12_000, seed: 1))
        {
            var g = sample.Gramian;
            var solution = SimplexQuadratic.Solve(Entries(g), c);
            exits.Add(solution.Exit);
            var w = solution.Weights;
            w.Min().Should().BeGreaterThanOrEqualTo(0, "{0}", sample);
            w.Sum().Should().BeApproximately(1, 1e-12, "{0}", sample);
            var slopes = g.Times(w).Zip(c, (product, linear) => product + linear).ToArray();
            var level = Gramians.Dot(w, slopes);
            var length = Laws.Length(g, w);
            var added = (length * length) + w.Select((v, i) => v * Math.Abs(c[i])).Sum();
            for (var i = 0; i < g.Count; i++)
            {
                var above = slopes[i] - level;
                above.Should().BeGreaterThanOrEqualTo(-1e-8 * (added + (length * g.Norm(i)) + Math.Abs(c[i])), "{0}, task {1}", sample, i);
                (w[i] * above).Should().BeLessThanOrEqualTo(1e-8 * added, "{0}, task {1}: slack, yet weighted", sample, i);
            }
        }

        exits.Should().NotContain(SolverExit.IterationLimit);
    }

    [Fact]
    public void Without_a_linear_part_it_is_the_min_norm_point()
    {
        foreach (var sample in Gramians.Draw(2_000, seed: 2, most: 12).Where(s => Enumerable.Range(0, s.Gramian.Count).All(i => s.Gramian[i, i] > 0)))
        {
            var g = sample.Gramian;
            var (found, expected) = (SimplexQuadratic.Solve(Entries(g), new double[g.Count]).Weights, MinNorm.Solve(g).Weights);
            var length = Math.Max(Laws.Length(g, found), Laws.Length(g, expected));
            Gramians.Dot(found, g.Times(found)).Should().BeApproximately(Gramians.Dot(expected, g.Times(expected)), 1e-9 * length * length, "{0}", sample);
        }
    }

    [Fact]
    public void Two_weights_have_a_closed_form()
    {
        foreach (var (sample, c) in Problems(3_000, seed: 3, most: 2))
        {
            var g = sample.Gramian;
            var apart = g[0, 0] + g[1, 1] - (2 * g[0, 1]);
            if (apart > 1e-3 * Math.Max(g[0, 0], g[1, 1]))
            {
                var first = Math.Clamp((g[1, 1] - g[0, 1] + c[1] - c[0]) / apart, 0, 1);
                SimplexQuadratic.Solve(Entries(g), c).Weights.Should().Equal([first, 1 - first], (a, b) => Math.Abs(a - b) < 1e-11, sample.Name);
            }
        }
    }

    [Fact]
    public void Where_there_is_no_quadratic_part_the_least_cost_has_all_the_weight()
    {
        SimplexQuadratic.Solve(new double[3, 3], [2, -1, 3]).Weights.Should().Equal(0, 1, 0);
        SimplexQuadratic.Solve(new double[3, 3], [0, 0, 0]).Weights.Sum().Should().Be(1);
        SimplexQuadratic.Solve(new double[1, 1], [5]).Weights.Should().Equal(1);
    }

    private static IEnumerable<(GramianSample Sample, double[] Linear)> Problems(int count, int seed, int most = 40)
    {
        foreach (var (k, sample) in Gramians.Draw(count, seed, most: most).Index())
        {
            var random = new Random(k);
            var scale = sample.Gramian.Norm(random.Next(sample.Gramian.Count)) * sample.Gramian.Norm(0) * Math.Pow(10, (4 * random.NextDouble()) - 2);
            yield return (sample, [.. sample.Rows.Select(_ => scale * Gramians.Gaussian(random))]);
        }
    }

    private static double[,] Entries(Gramian g)
    {
        var entries = new double[g.Count, g.Count];
        for (var i = 0; i < g.Count; i++)
        {
            for (var j = 0; j < g.Count; j++)
            {
                entries[i, j] = g[i, j];
            }
        }

        return entries;
    }
}
