using FluentAssertions;
using MultiTask.Numerics;
using MultiTask.Tests.Fixtures;

namespace MultiTask.Tests.Numerics;

/// <remarks>
/// The condition is (Gα)ᵢ = pᵢ αᵢ^−q. Float64 knows (Gα)ᵢ to rounding × ‖gᵢ‖ Σ αⱼ‖gⱼ‖, and the ridge that stands for it is
/// 64 × 2.2e-16 m αᵢ‖gᵢ‖²; "holds" below means to 1e-9, or to 3e-14 m of that. For q = 1 and q = ½ 10 000 samples each are held to it in
/// NashMTLTests and FairGradTests.
/// </remarks>
public sealed class BargainingTests
{
    [Theory]
    [InlineData(1, 1_000)]
    [InlineData(0.5, 500)]
    [InlineData(2, 1_000)]
    [InlineData(0.1, 1_000)]
    [InlineData(10, 1_000)]
    public void The_condition_holds(double q, int count)
    {
        foreach (var sample in Gramians.Draw(count, seed: 100))
        {
            var p = Enumerable.Range(0, sample.Gramian.Count).Select(i => 0.5 + (i % 3)).ToArray();
            ExpectHolds(sample, p, q);
        }
    }

    /// <remarks>Of 4 000 samples those where earlier versions stopped too soon, far from a solution.</remarks>
    [Theory]
    [InlineData(321, 1)]
    [InlineData(2153, 1)]
    [InlineData(2425, 0.5)]
    [InlineData(3251, 0.5)]
    [InlineData(2449, 2)]
    [InlineData(733, 0.1)]
    [InlineData(1320, 0.1)]
    [InlineData(3255, 0.1)]
    [InlineData(2099, 10)]
    [InlineData(2427, 10)]
    public void Tasks_that_nearly_cancel_are_no_excuse(int k, double q)
    {
        var sample = Gramians.At(k, seed: 100);
        ExpectHolds(sample, Ones(sample.Gramian), q);
    }

    [Theory]
    [InlineData(0.01)]
    [InlineData(100)]
    public void Extreme_fairness_gives_finite_weights_within_bounds(double q)
    {
        foreach (var sample in Gramians.Draw(300, seed: 101, most: 12))
        {
            var solution = Bargaining.Solve(sample.Gramian, Ones(sample.Gramian), q);
            solution.Weights.All(w => w >= 0 && double.IsFinite(w)).Should().BeTrue("{0}", sample);
            solution.Iterations.Should().BeLessThanOrEqualTo(301);
        }
    }

    [Fact]
    public void Nearly_every_search_ends_at_the_optimum_and_all_end_soon()
    {
        var exits = new List<SolverExit>();
        foreach (var sample in Gramians.Draw(1_000, seed: 102))
        {
            foreach (var q in new[] { 0.5, 1 })
            {
                var solution = Bargaining.Solve(sample.Gramian, Ones(sample.Gramian), q);
                exits.Add(solution.Exit);
                solution.Iterations.Should().BeLessThan(200, "{0}", sample);
            }
        }

        exits.Should().NotContain(SolverExit.IterationLimit);
        exits.Count(e => e == SolverExit.NoProgress).Should().BeLessThan(4);
    }

    [Theory]
    [InlineData(0.1)]
    [InlineData(0.5)]
    [InlineData(1)]
    [InlineData(3)]
    public void Orthogonal_gradients_have_a_closed_form(double q)
    {
        double[] norms = [1e-12, 1, 3, 1e12]; // some weights are too small for the others to notice
        var rows = norms.Select((n, i) => Enumerable.Range(0, 4).Select(k => k == i ? n : 0).ToArray()).ToArray();
        double[] p = [1, 2, 3, 4];
        var w = Bargaining.Solve(Gramians.Of(rows), p, q).Weights;
        for (var i = 0; i < 4; i++)
        {
            w[i].Should().BeApproximately(Math.Pow(p[i] / (norms[i] * norms[i]), 1 / (1 + q)), 1e-12 * w[i]);
        }
    }

    [Fact]
    public void Opposite_gradients_have_no_bargain_and_cancel()
    {
        var g = Gramians.Of([[3, 4], [-6, -8]]);
        var solution = Bargaining.Solve(g, [1, 1], 1);
        solution.Exit.Should().Be(SolverExit.Optimal);
        solution.Weights.Should().OnlyContain(w => double.IsFinite(w) && w > 0);
        (solution.Weights[0] * 5).Should().BeInRange(1e6, 1e8);
        Laws.Direction([[3, 4], [-6, -8]], solution.Weights).Should().OnlyContain(d => Math.Abs(d) < 1e-6);
    }

    [Fact]
    public void A_Gramian_in_the_precision_of_float32_has_finite_weights()
    {
        var noise = new Random(103);
        foreach (var sample in Gramians.Draw(1_000, seed: 103, most: 20))
        {
            var g = sample.Gramian;
            var rounded = new double[g.Count, g.Count];
            for (var i = 0; i < g.Count; i++)
            {
                for (var j = 0; j <= i; j++)
                {
                    rounded[i, j] = rounded[j, i] = g[i, j] + (6e-8 * g.Norm(i) * g.Norm(j) * ((2 * noise.NextDouble()) - 1));
                }
            }

            var solution = Bargaining.Solve(new(rounded), Ones(g), 1);
            solution.Weights.All(w => w >= 0 && double.IsFinite(w)).Should().BeTrue("{0}", sample);
            solution.Exit.Should().Be(SolverExit.Optimal, "{0}", sample);
        }
    }

    [Theory]
    [InlineData(60, 30)]
    [InlineData(200, 150)]
    [InlineData(200, 1000)]
    public void Many_tasks_are_no_trouble(int m, int n)
    {
        var rows = Gramians.Normal(new Random(104), m, n);
        var sample = new GramianSample($"m = {m}, n = {n}", rows, Gramians.Of(rows));
        ExpectHolds(sample, Ones(sample.Gramian), 1);
        Bargaining.Solve(sample.Gramian, Ones(sample.Gramian), 1).Iterations.Should().BeLessThan(40);
    }

    [Fact]
    public void Zero_gradients_take_no_part()
    {
        Bargaining.Solve(Gramians.Of([[2, 0], [0, 0], [0, 4]]), [1, 1, 1], 1).Weights.Should().Equal([0.5, 0, 0.25], (a, b) => Math.Abs(a - b) < 1e-14);
        Bargaining.Solve(Gramians.Of([[0], [0]]), [1, 1], 1).Weights.Should().Equal(0, 0);
    }

    private static double[] Ones(Gramian g) => [.. Enumerable.Repeat(1.0, g.Count)];

    private static void ExpectHolds(GramianSample sample, double[] p, double q)
    {
        var g = sample.Gramian;
        var w = Bargaining.Solve(g, p, q).Weights;
        var (rates, length) = (g.Times(w), Laws.Length(g, w));
        double.IsFinite(length).Should().BeTrue("{0}", sample);
        for (var i = 0; i < g.Count; i++)
        {
            // A target beyond the range of numbers belongs to a weight that is below it.
            var target = p[i] * Math.Pow(w[i], -q);
            if (g[i, i] > 0 && double.IsNormal(w[i]) && double.IsFinite(target))
            {
                var apart = Math.Abs(rates[i] - target) / ((1e-9 * target) + (3e-14 * g.Count * g.Norm(i) * length));
                apart.Should().BeLessThanOrEqualTo(1, "{0}, task {1}, weight {2}", sample, i, w[i]);
            }
        }
    }
}
