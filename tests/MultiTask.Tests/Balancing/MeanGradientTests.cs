using FluentAssertions;
using MultiTask.Balancing;
using MultiTask.Tests.Contracts;
using MultiTask.Tests.Fixtures;

namespace MultiTask.Tests.Balancing;

public sealed class MeanGradientTests
{
    [Fact]
    public void Golden_rows()
    {
        using var mean = new MeanGradient();
        mean.Weigh(Gramians.Of(Jacobians.A)).Should().Equal(0.5, 0.5);
        mean.Aggregate(Jacobians.Of(Jacobians.A)).Values().Should().Equal([1, 1, 1], (a, b) => Math.Abs(a - b) < 1e-14);
        mean.Aggregate(Jacobians.Of(Jacobians.B)).Values().Should().Equal([-0.5, 1.0 / 3, 2.0 / 3, 0.5], (a, b) => Math.Abs(a - b) < 1e-14);
    }

    [Fact]
    public void Obeys_the_laws_of_a_mean()
    {
        using var mean = new MeanGradient();
        Laws.LinearUnderScaling(mean.Weigh, Gramians.Draw(200, seed: 370));
        Laws.PermutationEquivariant(mean.Weigh, Gramians.Draw(200, seed: 371));
    }

    [Fact]
    public void At_the_shared_parameters_it_is_the_mean_of_the_losses_and_heads_are_left_alone()
    {
        using var net = new SmallNet(3);
        using var mean = new MeanGradient();
        using var sum = new EqualWeights();
        mean.Backward(net.Losses(), net.Shared);
        var found = SmallNet.Gradients(net.All);
        net.ZeroGradients();
        sum.Backward(net.Losses(), net.Shared);
        var expected = SmallNet.Gradients(net.All);
        var trunk = net.Trunk.parameters().Count();
        for (var i = 0; i < found.Length - 2; i++)
        {
            found[i].Should().Equal(expected[i]!, (a, b) => Math.Abs(a - (i < trunk ? b / 3 : b)) < 1e-12);
        }
    }
}
