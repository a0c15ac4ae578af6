using FluentAssertions;
using MultiTask.Balancing;
using MultiTask.Tests.Contracts;
using MultiTask.Tests.Fixtures;

namespace MultiTask.Tests.Balancing;

public sealed class EqualWeightsTests
{
    [Fact]
    public void Backward_is_that_of_the_plain_sum()
    {
        using var net = new SmallNet(3);
        using var balancer = new EqualWeights();
        balancer.Backward(net.Losses(), net.Shared);
        var found = SmallNet.Gradients(net.All);
        net.ZeroGradients();
        net.Losses().Values.Aggregate((a, b) => a + b).backward();
        SmallNet.Gradients(net.All).Should().BeEquivalentTo(found, o => o.WithStrictOrdering());
        balancer.LastWeights!.Values.Should().Equal(1, 1, 1);
    }

    [Fact]
    public void Sums_the_losses()
    {
        using var balancer = new EqualWeights();
        balancer.Scalarize(Scalars.Of(("a", 2), ("b", 5))).item<double>().Should().Be(7);
    }
}
