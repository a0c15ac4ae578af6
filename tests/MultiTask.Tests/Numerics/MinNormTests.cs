using FluentAssertions;
using MultiTask.Numerics;
using MultiTask.Tests.Fixtures;

namespace MultiTask.Tests.Numerics;

/// <remarks>
/// Float64 resolves gᵢ·x, for x = Σ wⱼgⱼ, to rounding × ‖gᵢ‖ × Σ wⱼ‖gⱼ‖ (<see cref="Length"/>): the products of the terms,
/// which may be far longer than what is left when they cancel. "To 1e-9" below means 1e-9 of that.
/// </remarks>
public sealed class MinNormTests
{
    [Fact]
    public void Weights_are_on_the_simplex()
    {
        foreach (var sample in Gramians.Draw(12_000, seed: 1))
        {
            var w = MinNorm.Solve(sample.Gramian).Weights;
            w.Min().Should().BeGreaterThanOrEqualTo(0, "{0}", sample);
            w.Sum().Should().BeApproximately(1, 1e-13, "{0}", sample);
        }
    }

    [Fact]
    public void The_optimality_conditions_hold_and_no_gradient_is_in_conflict()
    {
        foreach (var sample in Gramians.Draw(12_000, seed: 2))
        {
            ExpectOptimal(sample);
        }
    }

    /// <remarks>
    /// Near-opposite gradients beside others that are up to 1e8 times smaller: of 300 000 samples those on which earlier
    /// versions ended with conflicts of up to 5e-9, because they compared squared norms, or because their matrix was
    /// singular to rounding.
    /// </remarks>
    [Theory]
    [InlineData(31317)]
    [InlineData(84381)]
    [InlineData(91194)]
    [InlineData(119948)]
    [InlineData(194081)]
    [InlineData(210399)]
    [InlineData(228997)]
    [InlineData(270852)]
    public void Cancellation_is_no_excuse(int k) => ExpectOptimal(Gramians.At(k, seed: 7));

    [Fact]
    public void Nearly_every_search_ends_at_the_optimum_and_all_end_soon()
    {
        var exits = new List<SolverExit>();
        foreach (var sample in Gramians.Draw(12_000, seed: 3))
        {
            var solution = MinNorm.Solve(sample.Gramian);
            exits.Add(solution.Exit);
            solution.Iterations.Should().BeLessThanOrEqualTo(4 * sample.Gramian.Count, "{0}", sample);
        }

        exits.Should().NotContain(SolverExit.IterationLimit);
        exits.Count(e => e == SolverExit.NoProgress).Should().BeLessThan(12);
    }

    [Fact]
    public void No_support_has_a_shorter_vector()
    {
        foreach (var sample in Gramians.Draw(3_000, seed: 4, most: 8))
        {
            var g = sample.Gramian;
            if (Enumerable.Range(0, g.Count).Any(i => g[i, i] == 0))
            {
                continue;
            }

            var found = MinNorm.Solve(g).Weights;
            var best = SupportEnumeration.MinNorm(g);
            var length = Math.Max(Length(g, found), Length(g, best));
            Squared(g, found).Should().BeLessThanOrEqualTo(Squared(g, best) + (1e-13 * length * length), "{0}", sample);
        }
    }

    [Fact]
    public void Weights_are_those_of_the_best_support_where_they_are_unique()
    {
        var random = new Random(5);
        for (var k = 0; k < 1_000; k++)
        {
            var m = 2 + (k % 7);
            var g = Gramians.Of(Gramians.Normal(random, m, (2 * m) + 2));
            Same(MinNorm.Solve(g).Weights, SupportEnumeration.MinNorm(g), 1e-10, $"#{k}");
        }
    }

    [Fact]
    public void Two_tasks_have_a_closed_form()
    {
        foreach (var sample in Gramians.Draw(3_000, seed: 6, most: 2))
        {
            var g = sample.Gramian;
            var apart = g[0, 0] + g[1, 1] - (2 * g[0, 1]);
            if (g[0, 0] > 0 && g[1, 1] > 0 && apart > 1e-3 * Math.Max(g[0, 0], g[1, 1]))
            {
                var first = Math.Clamp((g[1, 1] - g[0, 1]) / apart, 0, 1);
                Same(MinNorm.Solve(g).Weights, [first, 1 - first], 1e-12, sample.Name);
            }
        }
    }

    [Fact]
    public void Permuting_the_tasks_permutes_the_products()
    {
        foreach (var sample in Gramians.Draw(3_000, seed: 7))
        {
            var order = Enumerable.Range(0, sample.Rows.Length).ToArray();
            new Random(7).Shuffle(order);
            var g = sample.Gramian;
            var permuted = Gramians.Of([.. order.Select(i => sample.Rows[i])]);
            var w = MinNorm.Solve(g).Weights;
            var v = new double[g.Count];
            foreach (var (i, weight) in order.Zip(MinNorm.Solve(permuted).Weights))
            {
                v[i] = weight;
            }

            SamePoint(g, w, v, sample.Name);
        }
    }

    [Fact]
    public void A_task_that_comes_twice_changes_nothing()
    {
        foreach (var sample in Gramians.Draw(3_000, seed: 8))
        {
            var twice = new Random(8).Next(sample.Rows.Length);
            var v = MinNorm.Solve(Gramians.Of([.. sample.Rows, sample.Rows[twice]])).Weights;
            v[twice] += v[^1];
            SamePoint(sample.Gramian, MinNorm.Solve(sample.Gramian).Weights, v[..^1], sample.Name);
        }
    }

    [Fact]
    public void The_scale_of_the_Gramian_does_not_matter()
    {
        foreach (var sample in Gramians.Draw(3_000, seed: 9))
        {
            var w = MinNorm.Solve(sample.Gramian).Weights;
            MinNorm.Solve(Scaled(sample.Gramian, Math.Pow(2, 40))).Weights.Should().Equal(w, "{0}: powers of 4 are exact", sample);
            SamePoint(sample.Gramian, w, MinNorm.Solve(Scaled(sample.Gramian, 1e-7 / 3)).Weights, sample.Name);
        }
    }

    [Fact]
    public void Zero_gradients_take_no_part()
    {
        MinNorm.Solve(Gramians.Of([[3, 4], [0, 0], [4, -3]])).Weights.Should().Equal([0.5, 0, 0.5], (a, b) => Math.Abs(a - b) < 1e-14);
        MinNorm.Solve(Gramians.Of([[0], [0], [0], [0]])).Weights.Should().Equal(0.25, 0.25, 0.25, 0.25);
    }

    [Fact]
    public void One_task_has_all_the_weight() => MinNorm.Solve(Gramians.Of([[1e-12, 1]])).Weights.Should().Equal(1);

    [Fact]
    public void A_Gramian_in_the_precision_of_float32_is_solved_to_that_precision()
    {
        foreach (var sample in Gramians.Draw(3_000, seed: 10))
        {
            var g = sample.Gramian;
            var rounded = new double[g.Count, g.Count];
            var noise = new Random(10);
            for (var i = 0; i < g.Count; i++)
            {
                for (var j = 0; j <= i; j++)
                {
                    rounded[i, j] = rounded[j, i] = g[i, j] + (6e-8 * g.Norm(i) * g.Norm(j) * ((2 * noise.NextDouble()) - 1));
                }
            }

            var solution = MinNorm.Solve(new(rounded));
            var w = solution.Weights;
            w.Min().Should().BeGreaterThanOrEqualTo(0, "{0}", sample);
            w.Sum().Should().BeApproximately(1, 1e-12, "{0}", sample);
            solution.Exit.Should().NotBe(SolverExit.IterationLimit, "{0}", sample);
            var (products, length) = (g.Times(w), Length(g, w));
            for (var i = 0; i < g.Count; i++)
            {
                products[i].Should().BeGreaterThanOrEqualTo(-2e-3 * length * g.Norm(i), "{0}, task {1}", sample, i);
            }
        }
    }

    [Theory]
    [InlineData(60, 30)]
    [InlineData(200, 150)]
    [InlineData(200, 1000)]
    public void Many_tasks_are_no_trouble(int m, int n)
    {
        var g = Gramians.Of(Gramians.Normal(new Random(11), m, n));
        var solution = MinNorm.Solve(g);
        solution.Exit.Should().Be(SolverExit.Optimal);
        solution.Iterations.Should().BeLessThanOrEqualTo(3 * m);
        var (products, length) = (g.Times(solution.Weights), Length(g, solution.Weights));
        Enumerable.Range(0, m).Min(i => products[i] / g.Norm(i)).Should().BeGreaterThan(-1e-12 * length);
    }

    private static void ExpectOptimal(GramianSample sample)
    {
        var g = sample.Gramian;
        var w = MinNorm.Solve(g).Weights;
        var products = g.Times(w);
        var squared = Gramians.Dot(w, products);
        var length = Length(g, w);
        for (var i = 0; i < g.Count; i++)
        {
            if (g[i, i] > 0)
            {
                var above = products[i] - squared;
                above.Should().BeGreaterThanOrEqualTo(-1e-9 * length * Math.Max(length, g.Norm(i)), "{0}, task {1}", sample, i);
                (w[i] * above).Should().BeLessThanOrEqualTo(1e-9 * length * length, "{0}, task {1}: slack, yet weighted", sample, i);
                products[i].Should().BeGreaterThanOrEqualTo(-1e-9 * length * g.Norm(i), "{0}, task {1} is in conflict", sample, i);
            }
        }
    }

    /// <summary>Σ wᵢ‖gᵢ‖: how far one walks to x along the weighted gradients.</summary>
    private static double Length(Gramian g, double[] w) => w.Select((v, i) => v * g.Norm(i)).Sum();

    private static double Squared(Gramian g, double[] w) => Gramians.Dot(w, g.Times(w));

    private static Gramian Scaled(Gramian g, double factor)
    {
        var entries = new double[g.Count, g.Count];
        for (var i = 0; i < g.Count; i++)
        {
            for (var j = 0; j < g.Count; j++)
            {
                entries[i, j] = factor * g[i, j];
            }
        }

        return new(entries);
    }

    /// <summary>The same x, though perhaps of other weights: the same product with every gradient.</summary>
    private static void SamePoint(Gramian g, double[] w, double[] v, string because)
    {
        var (first, second) = (g.Times(w), g.Times(v));
        var length = Math.Max(Length(g, w), Length(g, v));
        for (var i = 0; i < g.Count; i++)
        {
            // ‖x − y‖² is resolved to rounding × length², hence ‖x − y‖ to its root.
            first[i].Should().BeApproximately(second[i], 1e-7 * length * g.Norm(i), "{0}, task {1}", because, i);
        }
    }

    private static void Same(double[] found, double[] expected, double tolerance, string because)
    {
        for (var i = 0; i < expected.Length; i++)
        {
            found[i].Should().BeApproximately(expected[i], tolerance, "{0}, task {1}", because, i);
        }
    }
}
