using FluentAssertions;
using MultiTask.Balancing;

namespace MultiTask.Tests.Balancing;

public class PreferencesTests
{
    [Fact]
    public void Are_equal_where_nothing_was_said() =>
        new Preferences(null, "X").Of(["a", "b"]).Should().Equal(0.5, 0.5);

    [Fact]
    public void Sum_to_one_over_the_tasks_that_are_there()
    {
        var preferences = new Preferences([("a", 1), ("b", 3), ("c", 6)], "X");
        preferences.Of(["b", "a"]).Should().Equal(0.75, 0.25);
        preferences.Of(["c"]).Should().Equal(1);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(-1)]
    [InlineData(double.NaN)]
    [InlineData(double.PositiveInfinity)]
    public void Refuse_a_number_that_is_not_positive_and_finite(double value) =>
        FluentActions.Invoking(() => new Preferences([("a", 1), ("b", value)], "X"))
            .Should().Throw<ArgumentException>().WithMessage("*'b'*positive*");

    [Fact]
    public void Refuse_a_task_that_has_none() =>
        FluentActions.Invoking(() => new Preferences([("a", 1)], "X").Of(["a", "b"])).Should().Throw<ArgumentException>().WithMessage("*X*'b'*");
}
