using FluentAssertions;
using MultiTask.Balancing;
using MultiTask.Tests.Contracts;
using MultiTask.Tests.Fixtures;
using static TorchSharp.torch;

namespace MultiTask.Tests.Balancing;

public sealed class LogLossesTests
{
    [Fact]
    public void The_gradient_is_the_sum_of_gradients_divided_by_losses()
    {
        using var net = new SmallNet(3);
        using var balancer = new LogLosses();
        var losses = net.Losses();
        var jacobian = Jacobian.Of(losses, net.Trunk.parameters());
        var expected = jacobian.Combine([.. jacobian.Losses.Values.Select(l => 1 / l)]).Values();
        balancer.Backward(losses, net.Shared);
        net.Trunk.parameters().SelectMany(p => p.grad!.Values()).Should().Equal(expected, (a, b) => Math.Abs(a - b) < 1e-13);
    }

    [Fact]
    public void The_scale_of_a_loss_does_not_matter()
    {
        foreach (var inner in new Func<Balancer>[] { () => new EqualWeights(), () => new MGDA(), () => new TrimmedMean() })
        {
            using var net = new SmallNet(3);
            using var balancer = new LogLosses(inner());
            balancer.Backward(net.Losses(), net.Shared);
            var before = net.Trunk.parameters().SelectMany(p => p.grad!.Values()).ToArray();
            net.ZeroGradients();
            balancer.Backward(net.Losses().Map((task, loss) => task == "task1" ? loss * 1e6 : loss), net.Shared);
            net.Trunk.parameters().SelectMany(p => p.grad!.Values()).Should().Equal(before, (a, b) => Math.Abs(a - b) < 1e-12);
        }
    }

    [Fact]
    public void Refuses_losses_that_are_not_positive()
    {
        using var balancer = new LogLosses();
        balancer.Invoking(b => b.Backward(Scalars.Of(("a", 1), ("b", -2)), [])).Should().Throw<ArgumentException>().WithMessage("*'b'*positive*-2*");
        balancer.Invoking(b => b.Backward(Scalars.Of(("a", 1), ("b", 0)), [])).Should().Throw<NonFiniteException>().WithMessage("*'b'*logarithm of the loss*");
    }
}
