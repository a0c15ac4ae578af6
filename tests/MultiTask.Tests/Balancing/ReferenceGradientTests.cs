using FluentAssertions;
using MultiTask.Balancing;
using MultiTask.Tests.Fixtures;

namespace MultiTask.Tests.Balancing;

public sealed class ReferenceGradientTests
{
    [Fact]
    public void Is_the_weighted_gradient_by_its_products()
    {
        var reference = new ReferenceGradient(Gramians.Of([[3, 4], [0, 0], [1, 0]]), [1, 5, 2]);
        reference.Products.Should().Equal(31, 0, 5);
        reference.Norm.Should().BeApproximately(Math.Sqrt(41), 1e-14);
        reference.Length.Should().Be(7);
        reference.Alive.Should().Equal(0, 2);
    }

    [Fact]
    public void What_rounding_has_left_of_it_is_none()
    {
        new ReferenceGradient(Gramians.Of([[0.1, 0.2], [-0.3, -0.6]]), [0.75, 0.25]).Norm.Should().Be(0);
        new ReferenceGradient(Gramians.Of([[1e-14, 0]]), [1]).Norm.Should().Be(1e-14);
    }
}
