using FluentAssertions;
using MultiTask.Balancing;
using MultiTask.Tests.Fixtures;

namespace MultiTask.Tests.Balancing;

public sealed class FixedWeightsTests
{
    [Fact]
    public void Weighs_by_name_not_by_position()
    {
        using var balancer = new FixedWeights([("a", 2), ("b", 0.5), ("c", 0)]);
        balancer.Slopes(Scalars.Of(("b", 3), ("a", 4), ("c", 5))).Should().Equal(0.5, 2, 0);
        balancer.Slopes(Scalars.Of(("b", 3))).Should().Equal(0.5);
    }

    [Fact]
    public void Weights_of_one_are_the_plain_sum()
    {
        using var fixedWeights = new FixedWeights([("a", 1), ("b", 1)]);
        using var equal = new EqualWeights();
        var losses = Scalars.Of(("a", 0.1), ("b", 0.2));
        fixedWeights.Scalarize(losses).item<double>().Should().Be(equal.Scalarize(losses).item<double>());
    }

    [Fact]
    public void Refuses_a_task_without_a_weight()
    {
        using var balancer = new FixedWeights([("a", 1)]);
        balancer.Invoking(b => b.Scalarize(Scalars.Of(("a", 1), ("z", 1)))).Should().Throw<ArgumentException>().WithMessage("*'a'*'z'*");
    }

    [Theory]
    [InlineData(-0.5)]
    [InlineData(double.NaN)]
    [InlineData(double.PositiveInfinity)]
    public void Refuses_weights_that_are_none(double weight) =>
        FluentActions.Invoking(() => new FixedWeights([("a", 1), ("b", weight)])).Should().Throw<ArgumentException>().WithMessage($"*'b'*non-negative*{weight}*");

    [Fact]
    public void Refuses_no_weights() =>
        FluentActions.Invoking(() => new FixedWeights(TaskMap.Create<double>())).Should().Throw<ArgumentException>().WithMessage("*at least one*");
}
