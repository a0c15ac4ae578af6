using FluentAssertions;
using MultiTask.Balancing;
using MultiTask.Tests.Fixtures;

namespace MultiTask.Tests.Balancing;

public sealed class UWSOTests
{
    [Theory]
    [InlineData(1.0)]
    [InlineData(0.3)]
    [InlineData(20.0)]
    public void Weights_are_the_softmax_of_the_inverse_losses(double temperature)
    {
        using var uwso = new UWSO(temperature);
        var (a, b) = (Math.Exp(1 / 2.0 / temperature), Math.Exp(1 / 0.5 / temperature));
        Same(uwso.Weigh([("a", 2), ("b", 0.5)]), a / (a + b), b / (a + b));
        Same(uwso.Slopes(Scalars.Of(("a", 2), ("b", 0.5))), a / (a + b), b / (a + b));
    }

    [Fact]
    public void A_high_temperature_evens_the_weights_and_a_low_one_takes_the_smallest_loss()
    {
        Same(new UWSO(1e300).Weigh([("a", 2), ("b", 0.5)]), 0.5, 0.5);
        Same(new UWSO(1e-300).Weigh([("a", 2), ("b", 0.5)]), 0, 1);
    }

    [Theory]
    [InlineData(1e-320, 1.0)]
    [InlineData(1e-320, 1e-320)]
    [InlineData(1e-200, 1e-200)]
    [InlineData(1e300, 1e300)]
    public void Losses_may_be_tiny_or_huge(double loss, double temperature)
    {
        using var uwso = new UWSO(temperature);
        Same(uwso.Weigh([("a", loss), ("b", loss)]), 0.5, 0.5);
        uwso.Weigh([("a", loss), ("b", 1)]).Should().OnlyContain(w => w >= 0 && w <= 1);
    }

    [Fact]
    public void Refuses_losses_without_an_inverse_and_temperatures_that_are_none()
    {
        using var uwso = new UWSO();
        uwso.Invoking(u => u.Weigh([("a", 1), ("b", 0)])).Should().Throw<NonFiniteException>().WithMessage("*'b'*inverse of the loss*");
        uwso.Invoking(u => u.Weigh([("a", 1), ("b", -2)])).Should().Throw<ArgumentException>().WithMessage("*'b'*UWSO*positive*-2*");
        foreach (var bad in new[] { 0, -1, double.NaN, double.PositiveInfinity })
        {
            FluentActions.Invoking(() => new UWSO(bad)).Should().Throw<ArgumentOutOfRangeException>().WithMessage($"*`temperature`*positive*{bad}*");
        }
    }

    private static void Same(double[] found, params double[] expected) =>
        found.Should().Equal(expected, (x, y) => Math.Abs(x - y) < 1e-14);
}
