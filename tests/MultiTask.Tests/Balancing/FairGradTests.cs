using FluentAssertions;
using MultiTask.Balancing;
using MultiTask.Numerics;
using MultiTask.Tests.Fixtures;

namespace MultiTask.Tests.Balancing;

public sealed class FairGradTests
{
    [Fact]
    public void Golden_rows()
    {
        using var fair = new FairGrad();
        Same(fair.Weigh(Gramians.Of(Jacobians.A)), [0.471363, 0.319454], 1e-6);
        Same(fair.Weigh(Gramians.Of(Jacobians.B)), [0.953181, 0.372906, 0.751902], 1e-6);
        Same(fair.Aggregate(Jacobians.Of(Jacobians.A)).Values(), [0.031274, 0.790817, 0.790817], 1e-6);
        Same(fair.Aggregate(Jacobians.Of(Jacobians.B)).Values(), [0.210413, 0.775464, 1.124808, 0.737076], 1e-6);
    }

    [Fact]
    public void Alpha_1_is_Nash_MTL()
    {
        using var fair = new FairGrad(1);
        using var nash = new NashMTL();
        Same(fair.Weigh(Gramians.Of(Jacobians.A)), [0.591461, 0.407071], 1e-6);
        Same(fair.Weigh(Gramians.Of(Jacobians.B)), [1.017729, 0.443977, 0.810514], 1e-6);
        foreach (var sample in Gramians.Draw(300, seed: 50))
        {
            fair.Weigh(sample.Gramian).Should().Equal(nash.Weigh(sample.Gramian), "{0}", sample);
        }
    }

    /// <remarks>(Gw)ᵢ is known to rounding × ‖gᵢ‖ Σ wⱼ‖gⱼ‖: to 1e-9, or to 3e-14 m of that.</remarks>
    [Fact]
    public void Every_gain_is_a_power_of_its_weight()
    {
        using var fair = new FairGrad();
        foreach (var sample in Gramians.Draw(10_000, seed: 51))
        {
            var g = sample.Gramian;
            var w = fair.Weigh(g);
            var (gains, length) = (g.Times(w), Laws.Length(g, w));
            var apart = Enumerable.Range(0, g.Count).Where(i => g[i, i] > 0).Select(i =>
            {
                var expected = Math.Pow(w[i], -0.5);
                return Math.Abs(gains[i] - expected) / ((1e-9 * expected) + (3e-14 * g.Count * g.Norm(i) * length));
            }).DefaultIfEmpty(0).Max();
            apart.Should().BeLessThanOrEqualTo(1, "{0}", sample);
        }
    }

    [Theory]
    [InlineData(0.3)]
    [InlineData(2)]
    [InlineData(5)]
    public void Is_exact_where_gradients_are_independent(double alpha)
    {
        using var fair = new FairGrad(alpha);
        foreach (var sample in NashMTLTests.Generic(200, seed: 52))
        {
            var w = fair.Weigh(sample.Gramian);
            sample.Gramian.Times(w).Zip(w, (gain, v) => gain * Math.Pow(v, 1 / alpha)).All(x => Math.Abs(x - 1) < 1e-9).Should().BeTrue("{0}", sample);
        }
    }

    [Fact]
    public void Never_conflicts()
    {
        using var fair = new FairGrad();
        Laws.NonConflicting(fair.Weigh, Gramians.Draw(1_000, seed: 53));
    }

    [Fact]
    public void The_order_of_tasks_does_not_matter_and_all_gradients_scale_by_a_power()
    {
        using var fair = new FairGrad();
        Laws.PermutationEquivariant(fair.Weigh, Gramians.Draw(500, seed: 54));
        Laws.Homogeneous(fair.Weigh, Gramians.Draw(500, seed: 55), degree: -1.0 / 3);
        using var half = new FairGrad(0.5);
        Laws.Homogeneous(half.Weigh, Gramians.Draw(500, seed: 56), degree: 1.0 / 3);
    }

    [Fact]
    public void The_direction_is_fairer_than_any_other_of_its_length()
    {
        using var fair = new FairGrad(2);
        var random = new Random(57);
        foreach (var sample in NashMTLTests.Generic(100, seed: 57))
        {
            var d = Laws.Direction(sample.Rows, fair.Weigh(sample.Gramian));
            var length = Math.Sqrt(Gramians.Dot(d, d));
            for (var k = 0; k < 20; k++)
            {
                double[] other = [.. d.Select(v => v + (0.1 * length * Gramians.Gaussian(random)))];
                var scale = length / Math.Sqrt(Gramians.Dot(other, other));
                Utility(sample.Rows, Array.ConvertAll(other, v => v * scale)).Should().BeLessThanOrEqualTo(Utility(sample.Rows, d) + 1e-12, "{0}", sample);
            }
        }

        static double Utility(double[][] rows, double[] d) => rows.Sum(row => Gramians.Dot(row, d) is var gain && gain > 0 ? -1 / gain : double.NegativeInfinity);
    }

    [Fact]
    public void From_the_sum_to_the_least_gain()
    {
        var g = Gramians.Of(Jacobians.B);
        using var sum = new FairGrad(1e-4);
        Same(sum.Weigh(Gramians.Of([[1, 0], [0, 1], [0.6, 0.8]])), [1, 1, 1], 1e-3);
        using var least = new FairGrad(1e4);
        var w = least.Weigh(g);
        var shortest = MinNorm.Solve(g).Weights;
        Same(Array.ConvertAll(w, v => v / w.Sum()), shortest, 1e-3);
        g.Times(w).Min().Should().BeApproximately(1, 1e-3);
    }

    [Fact]
    public void A_task_without_a_gradient_is_left_out()
    {
        using var fair = new FairGrad();
        Same(fair.Weigh(Gramians.Of([[0, 0], [8, 0]])), [0, Math.Pow(64, -2.0 / 3)], 1e-14);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(-1)]
    [InlineData(double.NaN)]
    [InlineData(double.PositiveInfinity)]
    public void Refuses_an_alpha_that_is_none(double alpha) =>
        FluentActions.Invoking(() => new FairGrad(alpha)).Should().Throw<ArgumentOutOfRangeException>().WithMessage($"*`alpha`*positive*{alpha}*");

    private static void Same(double[] found, double[] expected, double tolerance) =>
        found.Should().Equal(expected, (a, b) => Math.Abs(a - b) <= tolerance);
}
