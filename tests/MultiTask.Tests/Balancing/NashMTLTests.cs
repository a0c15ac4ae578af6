using FluentAssertions;
using MultiTask.Balancing;
using MultiTask.Tests.Fixtures;

namespace MultiTask.Tests.Balancing;

public sealed class NashMTLTests
{
    [Fact]
    public void Golden_rows()
    {
        using var nash = new NashMTL();
        Same(nash.Weigh(Gramians.Of(Jacobians.A)), [0.591461, 0.407071], 1e-6);
        Same(nash.Weigh(Gramians.Of(Jacobians.B)), [1.017729, 0.443977, 0.810514], 1e-6);
        Same(nash.Aggregate(Jacobians.Of(Jacobians.A)).Values(), [0.076584, 0.998533, 0.998533], 1e-6);
        Same(nash.Aggregate(Jacobians.Of(Jacobians.B)).Values(), [0.091057, 0.858406, 1.254491, 0.825288], 1e-6);
    }

    [Fact]
    public void Every_weight_times_its_gain_is_1()
    {
        using var nash = new NashMTL();
        foreach (var sample in Generic(500, seed: 40))
        {
            var w = nash.Weigh(sample.Gramian);
            sample.Gramian.Times(w).Zip(w, (gain, a) => gain * a).All(x => Math.Abs(x - 1) < 1e-9).Should().BeTrue("{0}", sample);
        }
    }

    /// <remarks>
    /// αᵢ(Gα)ᵢ is known to rounding × αᵢ‖gᵢ‖ Σ αⱼ‖gⱼ‖, and ‖d‖² = αᵀGα to rounding × (Σ αⱼ‖gⱼ‖)²: to 1e-9, or to 3e-14 m of that.
    /// </remarks>
    [Fact]
    public void Every_weight_times_its_gain_is_1_and_the_step_as_long_as_the_root_of_the_number_of_tasks()
    {
        using var nash = new NashMTL();
        foreach (var sample in Gramians.Draw(10_000, seed: 41))
        {
            var g = sample.Gramian;
            var w = nash.Weigh(g);
            var (gains, length) = (g.Times(w), Laws.Length(g, w));
            var (apart, squared, alive) = (0.0, 0.0, 0);
            for (var i = 0; i < g.Count; i++)
            {
                if (g[i, i] > 0)
                {
                    alive++;
                    squared += w[i] * gains[i];
                    apart = Math.Max(apart, Math.Abs((w[i] * gains[i]) - 1) / (1e-9 + (3e-14 * g.Count * w[i] * g.Norm(i) * length)));
                }
            }

            apart.Should().BeLessThanOrEqualTo(1, "{0}", sample);
            Math.Abs(squared - alive).Should().BeLessThanOrEqualTo((1e-9 * alive) + (3e-14 * g.Count * length * length), "{0}", sample);
        }
    }

    [Fact]
    public void Never_conflicts()
    {
        using var nash = new NashMTL();
        Laws.NonConflicting(nash.Weigh, Gramians.Draw(1_000, seed: 42));
    }

    [Fact]
    public void Neither_the_order_of_tasks_nor_the_scale_of_one_or_all_matters()
    {
        using var nash = new NashMTL();
        Laws.PermutationEquivariant(nash.Weigh, Gramians.Draw(500, seed: 43));
        Laws.ScaleInvariantPerTask(nash.Weigh, Gramians.Draw(500, seed: 44));
        Laws.Homogeneous(nash.Weigh, Gramians.Draw(500, seed: 45), degree: 0);
    }

    [Fact]
    public void Two_tasks_go_along_the_bisector()
    {
        using var nash = new NashMTL();
        foreach (var sample in Gramians.Draw(2_000, seed: 46, most: 2))
        {
            var g = sample.Gramian;
            if (g[0, 0] > 0 && g[1, 1] > 0 && g.Cosine(0, 1) > -1 + 1e-3)
            {
                var share = 1 / Math.Sqrt(1 + g.Cosine(0, 1));
                nash.Weigh(g).Should().Equal([share / g.Norm(0), share / g.Norm(1)], (a, b) => Math.Abs(a - b) <= 1e-10 * b, "{0}", sample);
            }
        }
    }

    [Fact]
    public void Preferences_are_bargaining_power()
    {
        using var nash = new NashMTL([("0", 1), ("1", 2), ("2", 3)]);
        var g = Gramians.Of(Jacobians.B);
        var w = nash.Weigh(g);
        Same([.. g.Times(w).Zip(w, (gain, a) => gain * a)], [0.5, 1, 1.5], 1e-10);
        using var others = new NashMTL([("2", 30), ("0", 10), ("1", 20)]);
        others.Weigh(g).Should().Equal(w, (a, b) => Math.Abs(a - b) < 1e-12);
    }

    [Fact]
    public void A_task_that_comes_twice_has_twice_the_power()
    {
        using var nash = new NashMTL();
        using var twice = new NashMTL([("0", 1), ("1", 2), ("2", 1)]);
        var rows = Jacobians.B;
        var w = nash.Weigh(Gramians.Of([.. rows, rows[1]]));
        w[3].Should().BeApproximately(w[1], 1e-12);
        double[] merged = [w[0], w[1] + w[3], w[2]];
        Same(merged, Array.ConvertAll(twice.Weigh(Gramians.Of(rows)), v => v * Math.Sqrt(4.0 / 3)), 1e-10);
    }

    [Fact]
    public void Tasks_that_cancel_have_no_bargain_and_no_step()
    {
        using var nash = new NashMTL();
        nash.Aggregate(Jacobians.Of([3, 4], [-3, -4])).Values().Should().OnlyContain(v => Math.Abs(v) < 1e-6);
        var root = Math.Sqrt(3) / 2;
        nash.Aggregate(Jacobians.Of([1, 0], [-0.5, root], [-0.5, -root])).Values().Should().OnlyContain(v => Math.Abs(v) < 1e-6);
    }

    [Fact]
    public void A_task_without_a_gradient_is_left_out()
    {
        using var nash = new NashMTL();
        Same(nash.Weigh(Gramians.Of([[0, 0], [2, 0], [0, 4]])), [0, 0.5, 0.25], 1e-13);
        nash.Weigh(Gramians.Of([[0], [0]])).Should().Equal(0, 0);
        Same(nash.Weigh(Gramians.Of([[3, 4]])), [0.2], 1e-14);
    }

    [Fact]
    public void Refuses_preferences_that_are_none()
    {
        FluentActions.Invoking(() => new NashMTL([("a", 1), ("b", 0)])).Should().Throw<ArgumentException>().WithMessage("*'b'*positive*0*");
        using var nash = new NashMTL([("a", 1)]);
        nash.Invoking(n => n.Weigh(Gramians.Of([[1]]))).Should().Throw<ArgumentException>().WithMessage("*NashMTL*'a'*'0'*");
    }

    internal static IEnumerable<GramianSample> Generic(int count, int seed)
    {
        var random = new Random(seed);
        for (var k = 0; k < count; k++)
        {
            var m = 2 + (k % 20);
            var rows = Gramians.Normal(random, m, (2 * m) + 3);
            yield return new($"#{k}", rows, Gramians.Of(rows));
        }
    }

    private static void Same(double[] found, double[] expected, double tolerance) =>
        found.Should().Equal(expected, (a, b) => Math.Abs(a - b) <= tolerance);
}
