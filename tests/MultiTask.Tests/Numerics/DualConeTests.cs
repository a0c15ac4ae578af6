using FluentAssertions;
using MultiTask.Numerics;
using MultiTask.Tests.Fixtures;

namespace MultiTask.Tests.Numerics;

/// <remarks>
/// "To 1e-9" below means 1e-9 of what was added up: ‖gᵢ‖ times Σ vⱼ‖gⱼ‖ (<see cref="Laws.Length"/>).
/// </remarks>
public sealed class DualConeTests
{
    [Fact]
    public void The_optimality_conditions_hold_for_the_projection_of_the_mean()
    {
        foreach (var sample in Gramians.Draw(10_000, seed: 40))
        {
            var u = Enumerable.Repeat(1.0 / sample.Gramian.Count, sample.Gramian.Count).ToArray();
            ExpectOptimal(sample, u, new DualCone(sample.Gramian).Project(u).Weights);
        }
    }

    [Fact]
    public void The_optimality_conditions_hold_for_the_projection_of_each_gradient()
    {
        foreach (var sample in Gramians.Draw(1_500, seed: 41))
        {
            var cone = new DualCone(sample.Gramian);
            for (var i = 0; i < sample.Gramian.Count; i++)
            {
                var u = Unit(sample.Gramian.Count, i);
                ExpectOptimal(sample, u, cone.Project(u).Weights);
            }
        }
    }

    [Fact]
    public void The_optimality_conditions_hold_for_weights_of_any_size()
    {
        foreach (var sample in Gramians.Draw(3_000, seed: 42))
        {
            var random = new Random(sample.Rows.Length);
            double[] u = [.. sample.Rows.Select(_ => random.Next(3) == 0 ? 0 : Math.Pow(10, (16 * random.NextDouble()) - 8))];
            ExpectOptimal(sample, u, new DualCone(sample.Gramian).Project(u).Weights);
        }
    }

    [Fact]
    public void Nearly_every_search_ends_at_the_optimum_and_all_end_soon()
    {
        var exits = new List<SolverExit>();
        foreach (var sample in Gramians.Draw(10_000, seed: 43))
        {
            var solution = new DualCone(sample.Gramian).Project(Unit(sample.Gramian.Count, sample.Rows.Length / 2));
            exits.Add(solution.Exit);
            solution.Iterations.Should().BeLessThanOrEqualTo(4 * sample.Gramian.Count, "{0}", sample);
        }

        exits.Should().NotContain(SolverExit.IterationLimit);
        exits.Count(e => e == SolverExit.NoProgress).Should().BeLessThan(12);
    }

    [Fact]
    public void No_support_has_a_shorter_vector()
    {
        foreach (var sample in Gramians.Draw(1_500, seed: 44, most: 8))
        {
            var g = sample.Gramian;
            if (Enumerable.Range(0, g.Count).Any(i => g[i, i] == 0))
            {
                continue;
            }

            var u = Unit(g.Count, sample.Rows[0].Length % g.Count);
            var found = new DualCone(g).Project(u).Weights;
            var best = SupportEnumeration.DualCone(g, u);
            var length = Math.Max(Laws.Length(g, found), Laws.Length(g, best));
            Squared(g, found).Should().BeLessThanOrEqualTo(Squared(g, best) + (1e-13 * length * length), "{0}", sample);
        }
    }

    [Fact]
    public void Weights_are_those_of_the_best_support_where_they_are_unique()
    {
        var random = new Random(45);
        for (var k = 0; k < 1_000; k++)
        {
            var m = 2 + (k % 7);
            var g = Gramians.Of(Gramians.Normal(random, m, (2 * m) + 2));
            double[] u = [.. Enumerable.Range(0, m).Select(_ => random.NextDouble())];
            Same(new DualCone(g).Project(u).Weights, SupportEnumeration.DualCone(g, u), 1e-10, $"#{k}");
        }
    }

    [Fact]
    public void Two_tasks_have_a_closed_form()
    {
        foreach (var sample in Gramians.Draw(1_000, seed: 46, most: 2))
        {
            var g = sample.Gramian;
            double[] expected = [1, g[0, 1] < 0 ? -g[0, 1] / g[1, 1] : 0];
            var v = new DualCone(g).Project([1, 0]).Weights;
            v[0].Should().Be(1, "{0}", sample);
            if (g[1, 1] > 0)
            {
                v[1].Should().BeApproximately(expected[1], 1e-14 * g.Norm(0) / g.Norm(1), "{0}", sample);
            }
        }
    }

    [Fact]
    public void What_conflicts_with_nothing_stays_as_it_is()
    {
        foreach (var sample in Gramians.Draw(2_000, seed: 47).Where(s => Enumerable.Range(0, s.Rows.Length).All(j => s.Gramian[0, j] >= 0)))
        {
            var u = Unit(sample.Rows.Length, 0);
            new DualCone(sample.Gramian).Project(u).Weights.Should().Equal(u, "{0}", sample);
        }
    }

    [Fact]
    public void Nothing_in_the_cone_is_closer()
    {
        foreach (var sample in Gramians.Draw(1_000, seed: 48))
        {
            // (d − Jᵀu)·(c − d) ≥ 0 for all c in the cone, hence for another projection, c; and (d − Jᵀu)·d = 0.
            var g = sample.Gramian;
            var cone = new DualCone(g);
            var (u, other) = (Unit(g.Count, 0), Unit(g.Count, g.Count - 1));
            var (v, c) = (cone.Project(u).Weights, cone.Project(other).Weights);
            double[] moved = [.. v.Zip(u, (x, y) => x - y)];
            var (length, products) = (Laws.Length(g, v), g.Times(moved));
            Gramians.Dot(products, v).Should().BeApproximately(0, 1e-9 * length * length, "{0}", sample);
            Gramians.Dot(products, c).Should().BeGreaterThanOrEqualTo(-1e-9 * length * Laws.Length(g, c), "{0}", sample);
        }
    }

    [Fact]
    public void The_scale_of_the_Gramian_does_not_matter()
    {
        foreach (var sample in Gramians.Draw(1_000, seed: 49))
        {
            var u = Unit(sample.Gramian.Count, 0);
            var larger = Gramians.Of([.. sample.Rows.Select(row => Array.ConvertAll(row, value => Math.Pow(2, 20) * value))]);
            new DualCone(larger).Project(u).Weights.Should().Equal(new DualCone(sample.Gramian).Project(u).Weights, "{0}: powers of 2 are exact", sample);
        }
    }

    [Fact]
    public void Earlier_projections_do_not_matter()
    {
        foreach (var sample in Gramians.Draw(300, seed: 50))
        {
            var cone = new DualCone(sample.Gramian);
            for (var i = 0; i < sample.Gramian.Count; i++)
            {
                var u = Unit(sample.Gramian.Count, i);
                cone.Project(u).Weights.Should().Equal(new DualCone(sample.Gramian).Project(u).Weights, "{0}, task {1}", sample, i);
            }
        }
    }

    [Fact]
    public void Zero_gradients_take_no_part()
    {
        new DualCone(Gramians.Of([[1, 0], [0, 0], [-1, 1]])).Project([1, 2, 0]).Weights.Should().Equal([1, 2, 0.5], (a, b) => Math.Abs(a - b) < 1e-14);
        new DualCone(Gramians.Of([[0], [0]])).Project([1, 2]).Weights.Should().Equal(1, 2);
        new DualCone(Gramians.Of([[3]])).Project([1]).Weights.Should().Equal(1);
    }

    [Fact]
    public void Opposite_gradients_leave_nothing()
    {
        new DualCone(Gramians.Of([[3, 4], [-6, -8]])).Project([1, 0]).Weights.Should().Equal([1, 0.5], (a, b) => Math.Abs(a - b) < 1e-14);
    }

    [Fact]
    public void The_bounds_are_not_changed()
    {
        double[] u = [1, 0];
        new DualCone(Gramians.Of([[1, 0], [-1, 1]])).Project(u);
        u.Should().Equal(1, 0);
    }

    [Theory]
    [InlineData(60, 30)]
    [InlineData(200, 100)]
    [InlineData(200, 1000)]
    public void Many_tasks_are_no_trouble(int m, int n)
    {
        var g = Gramians.Of(Gramians.Normal(new Random(51), m, n));
        var solution = new DualCone(g).Project(Unit(m, 0));
        solution.Exit.Should().Be(SolverExit.Optimal);
        solution.Iterations.Should().BeLessThanOrEqualTo(3 * m);
        var (products, length) = (g.Times(solution.Weights), Laws.Length(g, solution.Weights));
        Enumerable.Range(0, m).Min(i => products[i] / g.Norm(i)).Should().BeGreaterThan(-1e-12 * length);
    }

    /// <summary>v ≥ u, gᵢ·d ≥ 0, and gᵢ·d = 0 where vᵢ > uᵢ; one assertion a sample, for there are many.</summary>
    private static void ExpectOptimal(GramianSample sample, double[] u, double[] v)
    {
        var g = sample.Gramian;
        var products = g.Times(v);
        var length = Laws.Length(g, v);
        var (below, conflict, slack) = (0.0, 0.0, 0.0);
        for (var i = 0; i < g.Count; i++)
        {
            below = Math.Max(below, u[i] - v[i]);
            if (g[i, i] > 0 && length > 0)
            {
                var product = products[i] / (length * g.Norm(i));
                conflict = Math.Max(conflict, -product);
                slack = Math.Max(slack, product * (v[i] - u[i]) * g.Norm(i) / length);
            }
        }

        v.Should().HaveCount(g.Count);
        below.Should().Be(0, "{0}", sample);
        Math.Max(conflict, slack).Should().BeLessThanOrEqualTo(1e-9, "{0}: conflict {1}, slack though weighted {2}", sample, conflict, slack);
    }

    private static double[] Unit(int n, int i)
    {
        var unit = new double[n];
        unit[i] = 1;
        return unit;
    }

    private static double Squared(Gramian g, double[] w) => Gramians.Dot(w, g.Times(w));

    private static void Same(double[] found, double[] expected, double tolerance, string because)
    {
        for (var i = 0; i < expected.Length; i++)
        {
            found[i].Should().BeApproximately(expected[i], tolerance, "{0}, task {1}", because, i);
        }
    }
}
