using FluentAssertions;
using MultiTask.Balancing;
using MultiTask.Tests.Fixtures;

namespace MultiTask.Tests.Balancing;

public sealed class GLSTests
{
    [Fact]
    public void Is_the_geometric_mean()
    {
        using var gls = new GLS();
        gls.Scalarize(Scalars.Of(("a", 2), ("b", 4), ("c", 27))).item<double>().Should().BeApproximately(6, 1e-14);
        gls.Scalarize(Scalars.Of(("a", 5))).item<double>().Should().BeApproximately(5, 1e-14);
    }

    [Fact]
    public void Its_gradient_is_the_mean_divided_by_m_times_each_loss()
    {
        using var gls = new GLS();
        var slopes = gls.Slopes(Scalars.Of(("a", 2), ("b", 4), ("c", 27)));
        slopes.Should().Equal([6.0 / (3 * 2), 6.0 / (3 * 4), 6.0 / (3 * 27)], (x, y) => Math.Abs(x - y) < 1e-14);
    }

    [Fact]
    public void The_scale_of_a_loss_does_not_change_the_direction()
    {
        using var gls = new GLS();
        var before = gls.Slopes(Scalars.Of(("a", 2), ("b", 3)));
        var after = gls.Slopes(Scalars.Of(("a", 200), ("b", 3)));

        // By the chain rule the gradient of 100 ℓ is 100 times that of ℓ.
        (after[0] * 100 / after[1]).Should().BeApproximately(before[0] / before[1], 1e-12);
    }

    [Fact]
    public void Many_small_losses_do_not_underflow()
    {
        using var gls = new GLS();
        var losses = Scalars.Of([.. Enumerable.Range(0, 40).Select(i => ($"t{i}", 1e-20))]);
        gls.Scalarize(losses).item<double>().Should().BeApproximately(1e-20, 1e-32);
    }

    [Fact]
    public void Refuses_losses_that_are_not_positive()
    {
        using var gls = new GLS();
        gls.Invoking(g => g.Scalarize(Scalars.Of(("a", 1), ("b", -1)))).Should().Throw<ArgumentException>().WithMessage("*'b'*positive*-1*");
        gls.Invoking(g => g.Scalarize(Scalars.Of(("a", 1), ("b", 0)))).Should().Throw<NonFiniteException>().WithMessage("*'b'*logarithm of the loss*");
    }
}
