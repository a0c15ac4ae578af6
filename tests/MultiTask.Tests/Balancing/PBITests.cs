using FluentAssertions;
using MultiTask.Balancing;
using MultiTask.Tests.Fixtures;

namespace MultiTask.Tests.Balancing;

public sealed class PBITests
{
    [Fact]
    public void Is_the_distance_along_the_ray_plus_theta_times_that_from_it()
    {
        // f = (4, 3), λ/‖λ‖ = (0.6, 0.8): d₁ = 4.8, f − d₁λ̂ = (1.12, −0.84), d₂ = 1.4.
        using var method = new PBI(theta: 2, [("a", 3), ("b", 4)], [("a", 1), ("b", -1)]);
        var losses = Scalars.Of(("a", 5), ("b", 2));
        method.Scalarize(losses).item<double>().Should().BeApproximately(4.8 + (2 * 1.4), 1e-14);

        // ∂d₁ = λ̂, ∂d₂ = (0.8, −0.6).
        Same(method.Slopes(losses), 0.6 + (2 * 0.8), 0.8 - (2 * 0.6));
    }

    [Fact]
    public void Three_tasks_follow_the_formula()
    {
        var random = new Random(5);
        for (var k = 0; k < 50; k++)
        {
            double[] f = [random.NextDouble(), random.NextDouble(), random.NextDouble()];
            double[] w = [random.NextDouble() + 0.1, random.NextDouble() + 0.1, random.NextDouble() + 0.1];
            var length = Math.Sqrt(w.Sum(v => v * v));
            var d1 = f.Zip(w, (x, y) => x * y / length).Sum();
            var d2 = Math.Sqrt(f.Zip(w, (x, y) => Math.Pow(x - (d1 * y / length), 2)).Sum());
            using var method = new PBI(preferences: [("a", w[0]), ("b", w[1]), ("c", w[2])]);
            method.Scalarize(Scalars.Of(("a", f[0]), ("b", f[1]), ("c", f[2]))).item<double>().Should().BeApproximately(d1 + (5 * d2), 1e-13);
        }
    }

    [Fact]
    public void On_the_ray_itself_only_the_way_along_it_has_a_gradient()
    {
        using var method = new PBI(preferences: [("a", 1), ("b", 1)]);
        var one = Scalars.Of(("a", 0));
        method.Scalarize(one).item<double>().Should().Be(0);
        method.Slopes(one).Should().Equal(1);
        var zero = Scalars.Of(("a", 0), ("b", 0));
        Same(method.Slopes(zero), Math.Sqrt(0.5), Math.Sqrt(0.5));
    }

    [Theory]
    [InlineData(1e-100)]
    [InlineData(1e100)]
    public void Losses_may_be_tiny_or_huge(double scale)
    {
        using var method = new PBI(theta: 2, [("a", 3), ("b", 4)]);
        var losses = Scalars.Of(("a", 4 * scale), ("b", 3 * scale));
        (method.Scalarize(losses).item<double>() / scale).Should().BeApproximately(7.6, 1e-12);
        Same(method.Slopes(losses), 2.2, -0.4);
    }

    [Fact]
    public void Without_theta_it_is_the_projection() =>
        Same(new PBI(theta: 0, [("a", 3), ("b", 4)]).Slopes(Scalars.Of(("a", 7), ("b", 1))), 0.6, 0.8);

    [Fact]
    public void Finds_every_point_of_a_concave_front() =>
        ConcaveFront.FindsWhatIsPreferred(weights => new PBI(preferences: weights), (losses, p) => (losses[0] * p[1]) - (losses[1] * p[0]), 0.02, rate: 0.05);

    [Theory]
    [InlineData(-0.5)]
    [InlineData(double.NaN)]
    [InlineData(double.PositiveInfinity)]
    public void Refuses_a_theta_that_is_none(double theta) =>
        FluentActions.Invoking(() => new PBI(theta)).Should().Throw<ArgumentOutOfRangeException>().WithMessage($"*`theta`*non-negative*{theta}*");

    private static void Same(double[] found, params double[] expected) =>
        found.Should().Equal(expected, (x, y) => Math.Abs(x - y) < 1e-12);
}
