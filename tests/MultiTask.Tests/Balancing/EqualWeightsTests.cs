using FluentAssertions;
using MultiTask.Balancing;
using MultiTask.Tests.Contracts;
using MultiTask.Tests.Fixtures;
using static TorchSharp.torch;

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

    /// <summary>Few losses are added one by one, many at once.</summary>
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(7)]
    [InlineData(8)]
    [InlineData(40)]
    public void Sums_the_losses_and_leaves_them_to_the_caller(int tasks)
    {
        using var scope = NewDisposeScope();
        using var balancer = new EqualWeights();
        var losses = Scalars.Of([.. Enumerable.Range(1, tasks).Select(i => ($"{i}", (double)i))]);
        using (var sum = balancer.Scalarize(losses))
        {
            sum.item<double>().Should().Be(tasks * (tasks + 1) / 2);
            sum.backward();
        }

        losses.Values.Should().OnlyContain(loss => !loss.IsInvalid && loss.grad!.item<double>() == 1);
    }
}
