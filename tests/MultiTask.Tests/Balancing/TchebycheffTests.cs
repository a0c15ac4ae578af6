using FluentAssertions;
using MultiTask.Balancing;
using MultiTask.Tests.Fixtures;

namespace MultiTask.Tests.Balancing;

public sealed class TchebycheffTests
{
    [Fact]
    public void Is_the_largest_weighted_distance_and_only_that_task_learns()
    {
        using var method = new Tchebycheff([("a", 1), ("b", 3)], [("a", 1), ("b", 2)]);
        var losses = Scalars.Of(("a", 5), ("b", 4));
        method.Scalarize(losses).item<double>().Should().BeApproximately(0.75 * 2, 1e-15);
        method.Slopes(losses).Should().Equal(0, 0.75);
        var others = Scalars.Of(("a", 9), ("b", 4));
        method.Scalarize(others).item<double>().Should().BeApproximately(0.25 * 8, 1e-15);
        method.Slopes(others).Should().Equal(0.25, 0);
    }

    [Fact]
    public void By_default_all_count_the_same_and_the_ideal_is_0()
    {
        using var method = new Tchebycheff();
        method.Scalarize(Scalars.Of(("a", 5), ("b", 4), ("c", 3), ("d", 2))).item<double>().Should().Be(1.25);
    }

    [Fact]
    public void Tasks_that_are_equally_bad_share_the_step()
    {
        using var method = new Tchebycheff();
        method.Slopes(Scalars.Of(("a", 5), ("b", 5))).Should().Equal(0.25, 0.25);
    }

    [Fact]
    public void A_loss_below_its_ideal_counts_by_its_distance()
    {
        using var method = new Tchebycheff(ideal: [("a", 3), ("b", 0)]);
        var losses = Scalars.Of(("a", 1), ("b", 1));
        method.Scalarize(losses).item<double>().Should().Be(1);
        method.Slopes(losses).Should().Equal(-0.5, 0);
    }

    [Fact]
    public void Preferences_are_those_of_the_tasks_that_are_there()
    {
        using var method = new Tchebycheff([("a", 1), ("b", 3), ("c", 4)]);
        method.Scalarize(Scalars.Of(("b", 2), ("a", 2))).item<double>().Should().Be(1.5);
        method.Scalarize(Scalars.Of(("c", 2))).item<double>().Should().Be(2);
    }

    [Fact]
    public void Finds_every_point_of_a_concave_front_where_a_weighted_sum_finds_the_ends_only()
    {
        ConcaveFront.FindsTheEndsOnly(weights => new FixedWeights(weights));
        ConcaveFront.FindsWhatIsPreferred(weights => new Tchebycheff(weights), (losses, p) => (p[0] * losses[0]) - (p[1] * losses[1]), 0.02);
    }

    [Fact]
    public void Refuses_what_makes_no_sense()
    {
        FluentActions.Invoking(() => new Tchebycheff([("a", -1)])).Should().Throw<ArgumentException>().WithMessage("*'a'*preference*positive*-1*");
        FluentActions.Invoking(() => new Tchebycheff(ideal: [("a", double.NaN)])).Should().Throw<ArgumentException>().WithMessage("*'a'*ideal*finite*NaN*");
        using var method = new Tchebycheff(ideal: [("a", 1)]);
        method.Invoking(m => m.Scalarize(Scalars.Of(("a", 1), ("z", 1)))).Should().Throw<ArgumentException>().WithMessage("*Tchebycheff*'z'*");
    }
}
