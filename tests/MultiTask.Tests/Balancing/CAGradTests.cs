using FluentAssertions;
using MultiTask.Balancing;
using MultiTask.Numerics;
using MultiTask.Tests.Fixtures;

namespace MultiTask.Tests.Balancing;

public sealed class CAGradTests
{
    [Fact]
    public void Golden_rows()
    {
        using var default4 = new CAGrad();
        Same(default4.Weigh(Gramians.Of(Jacobians.A)), [0.663299, 0.5], 1e-6);
        Same(default4.Weigh(Gramians.Of(Jacobians.B)), [0.576497, 0.333333, 0.449472], 1e-6);
        Same(default4.Aggregate(Jacobians.Of(Jacobians.B)).Values(), [-0.198767, 0.587383, 0.782805, 0.489114], 1e-6);
        using var half = new CAGrad(0.5);
        Same(half.Weigh(Gramians.Of(Jacobians.A)), [0.704124, 0.5], 1e-6);
        Same(half.Weigh(Gramians.Of(Jacobians.B)), [0.642827, 0.333333, 0.501187], 1e-6);
        Same(half.Aggregate(Jacobians.Of(Jacobians.A)).Values(), [0.183503, 1.204124, 1.204124], 1e-6);
    }

    /// <remarks>
    /// The duality gap. With w = (v − w₀) / μ on the simplex, no d in the ball has a least product above f(w) = Σ wᵢ gᵢ·d, and this d has one
    /// that is as high, to 1e-9 of Σ vⱼ‖gⱼ‖ × ‖gᵢ‖, what float64 can tell.
    /// </remarks>
    [Theory]
    [InlineData(0.4, 10_000)]
    [InlineData(0.9, 1_000)]
    [InlineData(1.5, 1_000)]
    public void No_direction_in_the_ball_serves_the_worst_off_better(double c, int count)
    {
        using var cagrad = new CAGrad(c);
        foreach (var sample in Gramians.Draw(count, seed: 70))
        {
            var g = sample.Gramian;
            var v = cagrad.Weigh(g);
            double[] away = [.. v.Select(x => x - (1.0 / g.Count))];
            var (scale, products, length) = (away.Sum(), g.Times(v), Laws.Length(g, v));
            length.Should().BeLessThan(double.PositiveInfinity, "{0}", sample);
            away.Min().Should().BeGreaterThanOrEqualTo(-1e-12, "{0}", sample);
            if (scale > 0)
            {
                var bound = Gramians.Dot(away, products) / scale;
                var below = Enumerable.Range(0, g.Count).Where(i => g[i, i] > 0).Max(i => (bound - products[i]) / (g.Norm(i) * length));
                below.Should().BeLessThanOrEqualTo(1e-9, "{0}", sample);
            }

            (Norm(g, away) - (c * Norm(g, Mean(g)))).Should().BeLessThanOrEqualTo(1e-9 * length, "{0}: inside the ball", sample);
        }
    }

    [Theory]
    [InlineData(0.2)]
    [InlineData(0.7)]
    public void No_direction_of_a_fine_search_serves_the_worst_off_better(double c)
    {
        using var cagrad = new CAGrad(c);
        var random = new Random(71);
        for (var k = 0; k < 150; k++)
        {
            var rows = Gramians.Normal(random, 2 + (k % 4), 2);
            var mean = Laws.Direction(rows, [.. rows.Select(_ => 1.0 / rows.Length)]);
            var radius = c * Math.Sqrt(Gramians.Dot(mean, mean));
            var found = Worst(rows, Laws.Direction(rows, cagrad.Weigh(Gramians.Of(rows))));
            var best = double.NegativeInfinity;
            for (var i = 0; i < 360; i++)
            {
                for (var r = 0; r <= 4; r++)
                {
                    var (sin, cos) = Math.SinCos(i * Math.PI / 180);
                    best = Math.Max(best, Worst(rows, [mean[0] + (r / 4.0 * radius * cos), mean[1] + (r / 4.0 * radius * sin)]));
                }
            }

            found.Should().BeGreaterThanOrEqualTo(best - 1e-12, "#{0}", k);
            found.Should().BeLessThan(best + 0.1, "#{0}: the search comes near", k);
        }

        static double Worst(double[][] rows, double[] d) => rows.Min(row => Gramians.Dot(row, d));
    }

    [Fact]
    public void The_step_is_as_far_from_the_mean_as_it_may_be()
    {
        using var cagrad = new CAGrad(0.4);
        foreach (var sample in NashMTLTests.Generic(500, seed: 72))
        {
            var g = sample.Gramian;
            var away = cagrad.Weigh(g).Select(v => v - (1.0 / g.Count)).ToArray();
            Norm(g, away).Should().BeApproximately(0.4 * Norm(g, Mean(g)), 1e-10 * Norm(g, Mean(g)), "{0}", sample);
        }
    }

    [Fact]
    public void Without_radius_it_is_the_mean()
    {
        using var cagrad = new CAGrad(0);
        foreach (var sample in Gramians.Draw(500, seed: 73))
        {
            cagrad.Weigh(sample.Gramian).Should().Equal(Mean(sample.Gramian), "{0}", sample);
        }
    }

    /// <remarks>
    /// The radius has the length of the mean gradient in it, the root of what float64 knows to rounding: to 1e-8 of what was added up.
    /// </remarks>
    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    public void With_a_radius_of_1_or_more_it_never_conflicts(double c)
    {
        using var cagrad = new CAGrad(c);
        Laws.NonConflicting(cagrad.Weigh, Gramians.Draw(1_000, seed: 74), tolerance: 3e-8);
    }

    [Fact]
    public void A_large_radius_leads_in_the_direction_of_the_min_norm_point()
    {
        using var cagrad = new CAGrad(1e7);
        foreach (var sample in NashMTLTests.Generic(300, seed: 76))
        {
            var d = Laws.Direction(sample.Rows, cagrad.Weigh(sample.Gramian));
            var x = Laws.Direction(sample.Rows, MinNorm.Solve(sample.Gramian).Weights);
            (Gramians.Dot(d, x) / Math.Sqrt(Gramians.Dot(d, d) * Gramians.Dot(x, x))).Should().BeApproximately(1, 1e-9, "{0}", sample);
        }
    }

    [Fact]
    public void The_order_of_tasks_and_the_scale_of_all_gradients_do_not_matter()
    {
        using var cagrad = new CAGrad();
        Laws.PermutationEquivariant(cagrad.Weigh, Gramians.Draw(500, seed: 77), 1e-7);
        Laws.Homogeneous(cagrad.Weigh, Gramians.Draw(500, seed: 78), tolerance: 1e-7);
    }

    [Fact]
    public void Preferences_weigh_the_mean()
    {
        using var cagrad = new CAGrad(0, [("0", 1), ("1", 3)]);
        Same(cagrad.Weigh(Gramians.Of(Jacobians.A)), [0.25, 0.75], 1e-15);

        // By hand: g₀ = (3.5, 1, 1) and only g₀·g₁ = −12 is low, so d = g₀ + 0.4 ‖g₀‖ g₁/‖g₁‖.
        using var near = new CAGrad(0.4, [("0", 1), ("1", 3)]);
        Same(near.Weigh(Gramians.Of(Jacobians.A)), [0.25 + (0.4 * Math.Sqrt(14.25 / 18)), 0.75], 1e-12);
    }

    [Fact]
    public void No_mean_gradient_no_step()
    {
        using var cagrad = new CAGrad();
        cagrad.Weigh(Gramians.Of([[3, 4], [-3, -4]])).Should().Equal(0.5, 0.5);
        cagrad.Weigh(Gramians.Of([[0], [0], [0], [0]])).Should().Equal(0.25, 0.25, 0.25, 0.25);
    }

    [Fact]
    public void Where_tasks_cancel_it_takes_what_is_nearest_to_the_mean()
    {
        // g₁ = −g₂ can only be held at 0; of all d that do, the mean (0, 1) itself is nearest.
        using var cagrad = new CAGrad(0.5);
        Same(cagrad.Aggregate(Jacobians.Of([1, 0], [-1, 0], [0, 3])).Values(), [0, 1], 1e-7);
        using var wide = new CAGrad(0.9);
        Same(wide.Aggregate(Jacobians.Of([2, 0], [-1, 0], [0, 3])).Values(), [0, 1], 1e-7);
    }

    [Fact]
    public void A_task_without_a_gradient_counts_in_the_mean_only()
    {
        using var cagrad = new CAGrad(0.4);
        var with = cagrad.Weigh(Gramians.Of([[0, 0, 0], .. Jacobians.A]));
        using var without = new CAGrad(0.4);
        Same(with, [1.0 / 3, .. without.Weigh(Gramians.Of(Jacobians.A)).Select(v => v * 2 / 3)], 1e-12);
    }

    [Theory]
    [InlineData(-0.5)]
    [InlineData(double.NaN)]
    [InlineData(double.PositiveInfinity)]
    public void Refuses_a_radius_that_is_none(double c) =>
        FluentActions.Invoking(() => new CAGrad(c)).Should().Throw<ArgumentOutOfRangeException>().WithMessage($"*`c`*non-negative*{c}*");

    private static double[] Mean(Gramian g) => [.. Enumerable.Repeat(1.0 / g.Count, g.Count)];

    private static double Norm(Gramian g, double[] w) => Math.Sqrt(Math.Max(0, Gramians.Dot(w, g.Times(w))));

    private static void Same(double[] found, double[] expected, double tolerance) =>
        found.Should().Equal(expected, (a, b) => Math.Abs(a - b) <= tolerance);
}
