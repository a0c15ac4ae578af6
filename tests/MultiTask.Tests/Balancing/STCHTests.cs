using FluentAssertions;
using MultiTask.Balancing;
using MultiTask.Tests.Fixtures;

namespace MultiTask.Tests.Balancing;

public sealed class STCHTests
{
    [Theory]
    [InlineData(0.01)]
    [InlineData(0.1)]
    [InlineData(1.0)]
    [InlineData(7.0)]
    public void Value_and_gradient_are_those_of_the_formula(double mu)
    {
        using var stch = new STCH(mu, [("a", 1), ("b", 3)], [("a", 0.5), ("b", -1)]);
        double[] y = [0.25 * (2 - 0.5), 0.75 * (-0.6 + 1)];
        var sum = Math.Exp(y[0] / mu) + Math.Exp(y[1] / mu);
        var losses = Scalars.Of(("a", 2), ("b", -0.6));
        stch.Scalarize(losses).item<double>().Should().BeApproximately(mu * Math.Log(sum), 1e-13);
        Same(stch.Slopes(losses), 0.25 * Math.Exp(y[0] / mu) / sum, 0.75 * Math.Exp(y[1] / mu) / sum);
    }

    [Fact]
    public void Between_ideal_and_nadir_distances_go_from_0_to_1()
    {
        using var stch = new STCH(0.5, ideal: [("a", 1), ("b", 10)], nadir: [("a", 3), ("b", 110)]);
        stch.Scalarize(Scalars.Of(("a", 1), ("b", 10))).item<double>().Should().BeApproximately(0.5 * Math.Log(2), 1e-14);
        stch.Scalarize(Scalars.Of(("a", 3), ("b", 110))).item<double>().Should().BeApproximately(0.5 + (0.5 * Math.Log(2)), 1e-14);
        Same(stch.Slopes(Scalars.Of(("a", 2), ("b", 60))), 0.25 / 2, 0.25 / 100);
    }

    [Theory]
    [InlineData(1e-300, 1.0)]
    [InlineData(1e-3, 1e200)]
    [InlineData(1e300, 1e-300)]
    [InlineData(1e-8, 1e12)]
    public void Neither_overflows_nor_underflows(double mu, double scale)
    {
        using var stch = new STCH(mu);
        var losses = Scalars.Of(("a", 4 * scale), ("b", 2 * scale), ("c", 4 * scale));
        double.IsFinite(stch.Scalarize(losses).item<double>()).Should().BeTrue();
        var slopes = stch.Slopes(losses);
        slopes.Sum().Should().BeApproximately(1.0 / 3, 1e-12);
        if (mu < scale)
        {
            Same(slopes, 1.0 / 6, 0, 1.0 / 6);
        }
    }

    [Fact]
    public void It_is_above_the_maximum_by_no_more_than_mu_log_m()
    {
        var random = new Random(3);
        for (var k = 0; k < 100; k++)
        {
            var mu = Math.Pow(10, (4 * random.NextDouble()) - 3);
            var losses = Scalars.Of(("a", random.NextDouble()), ("b", random.NextDouble()), ("c", random.NextDouble()));
            using var stch = new STCH(mu);
            using var limit = new Tchebycheff();
            var max = limit.Scalarize(losses).item<double>();
            stch.Scalarize(losses).item<double>().Should().BeInRange(max - 1e-14, max + (mu * Math.Log(3)) + 1e-14);
        }
    }

    [Fact]
    public void Finds_every_point_of_a_concave_front() =>
        ConcaveFront.FindsWhatIsPreferred(weights => new STCH(0.01, weights), (losses, p) => (p[0] * losses[0]) - (p[1] * losses[1]), 0.03);

    [Fact]
    public void With_a_large_mu_it_is_a_weighted_sum_and_finds_the_ends_only() =>
        ConcaveFront.FindsTheEndsOnly(weights => new STCH(100, weights), rate: 2);

    [Fact]
    public void The_warm_up_sums_log_losses_and_then_comes_the_authors_formula()
    {
        using var stch = new STCH(["a", "b"], mu: 0.7, warmUpEpochs: 2);
        Same(stch.Slopes(Scalars.Of(("a", 9), ("b", 0.1))), 1.0 / 9, 10);
        stch.EndEpoch();
        foreach (var (a, b) in new[] { (4, 0.5), (8, 1.5) })
        {
            var losses = Scalars.Of(("a", a), ("b", b));
            stch.Scalarize(losses).item<double>().Should().BeApproximately(Math.Log(a) + Math.Log(b), 1e-14);
        }

        stch.EndEpoch();

        // The nadir is the mean of the last epoch of the warm-up: (6, 1).
        var now = Scalars.Of(("a", 3), ("b", 0.8));
        double[] e = [Math.Exp(Math.Log(3.0 / 6) / 0.7), Math.Exp(Math.Log(0.8) / 0.7)];
        stch.Scalarize(now).item<double>().Should().BeApproximately(2 * 0.7 * Math.Log(e.Sum()), 1e-14);
        Same(stch.Slopes(now), 2 * e[0] / e.Sum() / 3, 2 * e[1] / e.Sum() / 0.8);
        stch.EndEpoch();
        Same(stch.Slopes(now), 2 * e[0] / e.Sum() / 3, 2 * e[1] / e.Sum() / 0.8);
    }

    [Fact]
    public void The_weights_of_the_log_losses_sum_to_m_before_and_after_the_warm_up()
    {
        using var stch = new STCH(["a", "b", "c"], warmUpSteps: 1);
        for (var step = 0; step < 3; step++)
        {
            double[] values = [3 + step, 0.5, 7];
            stch.Slopes(Scalars.Of(("a", values[0]), ("b", values[1]), ("c", values[2]))).Zip(values, (s, v) => s * v).Sum().Should().BeApproximately(3, 1e-13);
        }
    }

    [Fact]
    public void A_warm_up_may_be_counted_in_steps_and_needs_no_clock_then()
    {
        using var stch = new STCH(["a", "b"], warmUpSteps: 2);
        Same(stch.Slopes(Scalars.Of(("a", 4), ("b", 1))), 0.25, 1);
        Same(stch.Slopes(Scalars.Of(("a", 8), ("b", 3))), 0.125, 1.0 / 3);
        Same(stch.Slopes(Scalars.Of(("a", 6), ("b", 2))), 1.0 / 6, 0.5); // at the nadir: m · ½/ℓ
        Same(stch.Slopes(Scalars.Of(("a", 3), ("b", 2))), 2 * (0.5 / 1.5) / 3, 2 * (1 / 1.5) / 2);
    }

    [Fact]
    public void Preferences_are_relative_to_equal_ones()
    {
        using var stch = new STCH(["a", "b"], preferences: [("a", 3), ("b", 1)], warmUpSteps: 1);
        stch.Slopes(Scalars.Of(("a", 1), ("b", 1)));
        Same(stch.Slopes(Scalars.Of(("a", 1), ("b", 1))), 2 * 0.5 * 1.5, 2 * 0.5 * 0.5);
    }

    [Fact]
    public void A_task_that_comes_later_has_a_warm_up_of_its_own()
    {
        using var stch = new STCH(["a", "b"], warmUpEpochs: 1);
        stch.Slopes(Scalars.Of(("a", 2)));
        stch.EndEpoch();
        Same(stch.Slopes(Scalars.Of(("a", 5))), 1.0 / 5); // its own nadir is known: μ·log exp(y/μ) = y
        Same(stch.Slopes(Scalars.Of(("a", 5), ("b", 4))), 1.0 / 5, 1.0 / 4);
        stch.EndEpoch();
        var (a, b) = (5.0 / 2, 4.0 / 4);
        Same(stch.Slopes(Scalars.Of(("b", 4), ("a", 5))), 2 * b / (a + b) / 4, 2 * a / (a + b) / 5);
    }

    [Fact]
    public void The_state_comes_back_and_Reset_starts_the_warm_up_again()
    {
        using var stch = new STCH(["a", "b"], warmUpEpochs: 1);
        using var resumed = new STCH(["a", "b"], warmUpEpochs: 1);
        stch.Slopes(Scalars.Of(("a", 2), ("b", 3)));
        resumed.load_state_dict(stch.state_dict());
        stch.EndEpoch();
        resumed.EndEpoch();
        var now = Scalars.Of(("a", 1), ("b", 5));
        var expected = stch.Slopes(now);
        resumed.Slopes(now).Should().Equal(expected);
        stch.state_dict().Keys.Should().Contain("warm_up.memory.a");
        stch.Reset();
        Same(stch.Slopes(now), 1, 0.2);
    }

    [Fact]
    public void Refuses_what_makes_no_sense()
    {
        FluentActions.Invoking(() => new STCH(0)).Should().Throw<ArgumentOutOfRangeException>().WithMessage("*`mu`*positive*0*");
        FluentActions.Invoking(() => new STCH(double.NaN)).Should().Throw<ArgumentOutOfRangeException>();
        FluentActions.Invoking(() => new STCH(["a"], warmUpEpochs: 0)).Should().Throw<ArgumentOutOfRangeException>().WithMessage("*`warmUpEpochs`*at least 1*0*");
        FluentActions.Invoking(() => new STCH(["a"], warmUpSteps: -1)).Should().Throw<ArgumentOutOfRangeException>().WithMessage("*`warmUpSteps`*at least 1*-1*");
        FluentActions.Invoking(() => new STCH(["a", "a"])).Should().Throw<ArgumentException>().WithMessage("*distinct*");
        FluentActions.Invoking(() => new STCH(ideal: [("a", 2)], nadir: [("a", 2)])).Should().Throw<ArgumentException>().WithMessage("*'a'*nadir*above*2*");
        FluentActions.Invoking(() => new STCH(nadir: [("a", double.PositiveInfinity)])).Should().Throw<ArgumentException>().WithMessage("*'a'*nadir*finite*");
        using var warm = new STCH(["a"]);
        warm.Invoking(s => s.Scalarize(Scalars.Of(("z", 1)))).Should().Throw<ArgumentException>().WithMessage("*'a'*'z'*");
        warm.Invoking(s => s.Scalarize(Scalars.Of(("a", -1)))).Should().Throw<ArgumentException>().WithMessage("*'a'*STCH*positive*-1*");
        warm.Invoking(s => s.Scalarize(Scalars.Of(("a", 0)))).Should().Throw<NonFiniteException>().WithMessage("*'a'*logarithm*");
        using var given = new STCH(nadir: [("a", 2)]);
        given.Invoking(s => s.Scalarize(Scalars.Of(("z", 1)))).Should().Throw<ArgumentException>().WithMessage("*'a'*'z'*");
    }

    private static void Same(double[] found, params double[] expected) =>
        found.Should().Equal(expected, (x, y) => Math.Abs(x - y) < 1e-13 * (1 + Math.Abs(y)));
}
