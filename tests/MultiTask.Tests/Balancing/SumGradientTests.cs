using FluentAssertions;
using MultiTask.Balancing;
using MultiTask.Tests.Contracts;
using MultiTask.Tests.Fixtures;

namespace MultiTask.Tests.Balancing;

public sealed class SumGradientTests
{
    [Fact]
    public void Golden_rows()
    {
        using var sum = new SumGradient();
        sum.Weigh(Gramians.Of(Jacobians.B)).Should().Equal(1, 1, 1);
        sum.Aggregate(Jacobians.Of(Jacobians.A)).Values().Should().Equal(2, 2, 2);
    }

    [Fact]
    public void Gives_the_gradients_of_equal_weights_and_knows_the_conflict()
    {
        using var net = new SmallNet(3);
        using var sum = new SumGradient();
        using var equal = new EqualWeights();
        sum.Backward(net.Losses(), net.Shared);
        var found = SmallNet.Gradients(net.All);
        net.ZeroGradients();
        equal.Backward(net.Losses(), net.Shared);
        var expected = SmallNet.Gradients(net.All);
        for (var i = 0; i < found.Length - 2; i++)
        {
            found[i].Should().Equal(expected[i]!, (a, b) => Math.Abs(a - b) < 1e-12);
        }

        sum.LastGramian!.Count.Should().Be(3);
    }
}
