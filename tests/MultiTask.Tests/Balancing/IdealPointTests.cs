using FluentAssertions;
using MultiTask.Balancing;

namespace MultiTask.Tests.Balancing;

public sealed class IdealPointTests
{
    [Fact]
    public void Is_0_where_nothing_was_said() => new IdealPoint(null, "X").Of(["a", "b"]).Should().Equal(0, 0);

    [Fact]
    public void Is_by_task() => new IdealPoint([("a", -1), ("b", 3)], "X").Of(["b", "a"]).Should().Equal(3, -1);

    [Fact]
    public void Refuses_what_is_not_finite_or_not_there()
    {
        FluentActions.Invoking(() => new IdealPoint([("a", double.NegativeInfinity)], "X")).Should().Throw<ArgumentException>().WithMessage("*'a'*ideal*finite*");
        FluentActions.Invoking(() => new IdealPoint([("a", 1)], "X").Of(["b"])).Should().Throw<ArgumentException>().WithMessage("*X*'a'*'b'*");
    }
}
