using FluentAssertions;
using MultiTask.Balancing;
using MultiTask.Numerics;
using MultiTask.Tests.Fixtures;

namespace MultiTask.Tests.Balancing;

public sealed class ConicGradTests
{
    /// <remarks>
    /// The duality gap. For any w on the simplex no d of the ball's cap has a least product above ‖g₀‖ ψ(g_w), where ψ is ‖g‖ in the cone and c u·g +
    /// √(1−c²) ‖g − (u·g)u‖ outside. Weights are a multiple of the best w, and some of the mean; w is found by a search over how much.
    /// </remarks>
    [Theory]
    [InlineData(0.5, 2_000)]
    [InlineData(0.1, 500)]
    [InlineData(0.9, 500)]
    public void No_direction_in_the_cone_serves_the_worst_off_better(double c, int count)
    {
        using var conic = new ConicGrad(c);
        foreach (var sample in Gramians.Draw(count, seed: 80, most: 10).Where(HasMean))
        {
            var g = sample.Gramian;
            var v = conic.Weigh(g);
            var (least, bound, length) = (Least(g, v), Bound(g, v, c), Laws.Length(g, v));
            var longest = Enumerable.Range(0, g.Count).Max(g.Norm);
            (bound - least).Should().BeLessThanOrEqualTo(1e-7 * longest * Math.Max(length, longest), "{0}", sample);
        }
    }

    [Theory]
    [InlineData(0.5)]
    [InlineData(0.1)]
    [InlineData(0.9)]
    public void The_step_is_in_the_cone_and_no_longer_than_the_mean(double c)
    {
        using var conic = new ConicGrad(c);
        foreach (var sample in Gramians.Draw(1_000, seed: 81).Where(HasMean))
        {
            var g = sample.Gramian;
            var v = conic.Weigh(g);
            var (mean, length) = (Norm(g, Mean(g)), Laws.Length(g, v));
            Norm(g, v).Should().BeLessThanOrEqualTo(mean + (1e-8 * length), "{0}", sample);
            Gramians.Dot(Mean(g), g.Times(v)).Should().BeGreaterThanOrEqualTo((c * mean * mean) - (1e-9 * mean * length), "{0}", sample);
        }
    }

    [Fact]
    public void The_step_is_as_long_as_the_mean_where_no_tasks_cancel()
    {
        using var conic = new ConicGrad();
        foreach (var sample in NashMTLTests.Generic(500, seed: 82))
        {
            Norm(sample.Gramian, conic.Weigh(sample.Gramian)).Should().BeApproximately(Norm(sample.Gramian, Mean(sample.Gramian)), 1e-10, "{0}", sample);
        }
    }

    [Theory]
    [InlineData(0.2)]
    [InlineData(0.5)]
    [InlineData(0.95)]
    public void No_direction_of_a_fine_search_serves_the_worst_off_better(double c)
    {
        using var conic = new ConicGrad(c);
        var random = new Random(83);
        for (var k = 0; k < 300; k++)
        {
            var rows = Gramians.Normal(random, 2, 2);
            var mean = Laws.Direction(rows, [0.5, 0.5]);
            var (size, at) = (Math.Sqrt(Gramians.Dot(mean, mean)), Math.Atan2(mean[1], mean[0]));
            var found = rows.Min(row => Gramians.Dot(row, Laws.Direction(rows, conic.Weigh(Gramians.Of(rows)))));
            var best = double.NegativeInfinity;
            for (var i = -200; i <= 200; i++)
            {
                var angle = at + (i / 200.0 * Math.Acos(c));
                best = Math.Max(best, rows.Min(row => size * ((row[0] * Math.Cos(angle)) + (row[1] * Math.Sin(angle)))));
            }

            found.Should().BeGreaterThanOrEqualTo(best - 1e-12, "#{0}", k);
            found.Should().BeLessThanOrEqualTo(best + (0.02 * size * rows.Max(row => Math.Sqrt(Gramians.Dot(row, row)))), "#{0}", k);
        }
    }

    [Fact]
    public void Known_values_by_hand()
    {
        // Orthogonal gradients: the shortest vector of the hull is at 0° (equal lengths) …
        using var conic = new ConicGrad(0.5);
        Same(conic.Weigh(Gramians.Of([[2, 0], [0, 2]])), [0.5, 0.5], 1e-14);

        // … or, with (3, 0) and (0, 1), along (1, 3), at 53.1° from the mean (3, 1)/2: inside a cone of 60°, at the mean's length √10/2.
        Same(conic.Aggregate(Jacobians.Of([3, 0], [0, 1])).Values(), [0.5, 1.5], 1e-12);

        // In a cone of 30° it is the boundary: (3, 1)/2 turned by 30°.
        using var narrow = new ConicGrad(Math.Sqrt(3) / 2);
        var (cos, sin) = (Math.Sqrt(3) / 2, 0.5);
        Same(narrow.Aggregate(Jacobians.Of([3, 0], [0, 1])).Values(), [(1.5 * cos) - (0.5 * sin), (1.5 * sin) + (0.5 * cos)], 1e-12);
    }

    [Fact]
    public void A_narrow_cone_is_the_mean()
    {
        using var one = new ConicGrad(1);
        foreach (var sample in Gramians.Draw(300, seed: 84))
        {
            one.Weigh(sample.Gramian).Should().Equal(Mean(sample.Gramian), "{0}", sample);
        }

        using var nearly = new ConicGrad(1 - 1e-12);
        Same(nearly.Aggregate(Jacobians.Of(Jacobians.B)).Values(), [-0.5, 1 / 3.0, 2 / 3.0, 0.5], 1e-5);
    }

    [Fact]
    public void A_wide_cone_has_the_direction_of_the_min_norm_point()
    {
        using var conic = new ConicGrad(0);
        foreach (var sample in NashMTLTests.Generic(300, seed: 85))
        {
            var d = Laws.Direction(sample.Rows, conic.Weigh(sample.Gramian));
            var x = Laws.Direction(sample.Rows, MinNorm.Solve(sample.Gramian).Weights);
            (Gramians.Dot(d, x) / Math.Sqrt(Gramians.Dot(d, d) * Gramians.Dot(x, x))).Should().BeApproximately(1, 1e-12, "{0}", sample);
        }
    }

    [Fact]
    public void The_order_of_tasks_and_the_scale_of_all_gradients_do_not_matter()
    {
        using var conic = new ConicGrad();
        Laws.PermutationEquivariant(conic.Weigh, NashMTLTests.Generic(500, seed: 86), 1e-8);
        Laws.Homogeneous(conic.Weigh, NashMTLTests.Generic(500, seed: 87));
    }

    [Fact]
    public void Every_Gramian_has_finite_weights()
    {
        foreach (var c in new[] { 0, 0.5, 0.99 })
        {
            using var conic = new ConicGrad(c);
            Laws.Finite(conic.Weigh, Gramians.Draw(1_000, seed: 88));
        }
    }

    [Fact]
    public void Preferences_turn_the_cone()
    {
        using var conic = new ConicGrad(1, [("0", 1), ("1", 3)]);
        Same(conic.Weigh(Gramians.Of(Jacobians.A)), [0.25, 0.75], 1e-15);
    }

    [Fact]
    public void No_mean_gradient_no_cone()
    {
        using var conic = new ConicGrad();
        conic.Weigh(Gramians.Of([[3, 4], [-3, -4]])).Should().Equal(0.5, 0.5);
        conic.Weigh(Gramians.Of([[0], [0]])).Should().Equal(0.5, 0.5);
    }

    [Fact]
    public void One_task_has_its_gradient()
    {
        using var conic = new ConicGrad();
        Same(conic.Weigh(Gramians.Of([[3, 4]])), [1], 1e-14);
    }

    [Theory]
    [InlineData(-0.1)]
    [InlineData(1.1)]
    [InlineData(double.NaN)]
    public void Refuses_a_cosine_that_is_none(double c) =>
        FluentActions.Invoking(() => new ConicGrad(c)).Should().Throw<ArgumentOutOfRangeException>().WithMessage($"*`c`*[0, 1]*{c}*");

    private static bool HasMean(GramianSample sample)
    {
        var g = sample.Gramian;
        return Norm(g, Mean(g)) > 1e-2 * Laws.Length(g, Mean(g));
    }

    private static double Least(Gramian g, double[] v)
    {
        var products = g.Times(v);
        return Enumerable.Range(0, g.Count).Where(i => g[i, i] > 0).Min(i => products[i]);
    }

    /// <summary>The least bound of weights w ∝ v − t w₀ on the simplex.</summary>
    private static double Bound(Gramian g, double[] v, double c)
    {
        var mean = Mean(g);
        var (size, along) = (Norm(g, mean), g.Times(mean));
        var most = v.Min() * g.Count;
        double At(double t)
        {
            double[] w = [.. v.Select((x, i) => g[i, i] > 0 ? Math.Max(0, x - (t * mean[i])) : 0)];
            var sum = w.Sum();
            if (sum <= 0)
            {
                return double.PositiveInfinity;
            }

            w = Array.ConvertAll(w, x => x / sum);
            var (norm, a) = (Norm(g, w), Gramians.Dot(w, along) / size);
            return size * (a >= c * norm ? norm : (c * a) + (Math.Sqrt(1 - (c * c)) * Math.Sqrt(Math.Max(0, (norm * norm) - (a * a)))));
        }

        // Where a task has no gradient, its weight is all of the mean.
        var candidates = Enumerable.Range(0, 41).Select(k => most * k / 40).Concat(Enumerable.Range(0, g.Count).Where(i => g[i, i] == 0).Select(i => v[i] * g.Count)).ToArray();
        var best = candidates.MinBy(At);
        var (low, high) = (best - (most / 40), best + (most / 40));
        for (var k = 0; k < 40; k++)
        {
            var (a, b) = (low + ((high - low) / 3), high - ((high - low) / 3));
            (low, high) = At(a) < At(b) ? (low, b) : (a, high);
        }

        return Math.Min(At(best), At(low));
    }

    private static double[] Mean(Gramian g) => [.. Enumerable.Repeat(1.0 / g.Count, g.Count)];

    private static double Norm(Gramian g, double[] w) => Math.Sqrt(Math.Max(0, Gramians.Dot(w, g.Times(w))));

    private static void Same(double[] found, double[] expected, double tolerance) =>
        found.Should().Equal(expected, (a, b) => Math.Abs(a - b) <= tolerance);
}
