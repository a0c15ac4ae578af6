using FluentAssertions;
using MultiTask.Balancing;
using MultiTask.Tests.Contracts;
using MultiTask.Tests.Fixtures;
using TorchSharp;
using static TorchSharp.torch;

namespace MultiTask.Tests.Balancing;

public sealed class IMTLLTests
{
    [Fact]
    public void Transforms_by_the_formula_and_so_does_the_gradient()
    {
        using var imtl = With(0.3);
        var loss = Scalars.Of(("a", 2))["a"];
        var transformed = imtl.Transform([("a", loss)])["a"];
        transformed.item<double>().Should().BeApproximately((Math.Exp(0.3) * 2) - 0.3, 1e-14);
        transformed.backward();
        loss.grad!.item<double>().Should().BeApproximately(Math.Exp(0.3), 1e-14);
        imtl.parameters().Single().grad!.item<double>().Should().BeApproximately((Math.Exp(0.3) * 2) - 1, 1e-14);
    }

    [Fact]
    public void At_the_fixed_point_the_scaled_loss_is_1()
    {
        using var imtl = With(-Math.Log(7));
        imtl.Backward(Scalars.Of(("a", 7)), []);
        imtl.parameters().Single().grad!.item<double>().Should().BeApproximately(0, 1e-14);
    }

    [Fact]
    public void Training_only_s_finds_the_fixed_point()
    {
        using var imtl = new IMTLL(["a", "b"]);
        imtl.to(ScalarType.Float64);
        using var optimizer = optim.SGD(imtl.parameters().ToList(), 0.1);
        for (var step = 0; step < 500; step++)
        {
            optimizer.zero_grad();
            imtl.Backward(Scalars.Of(("a", 4), ("b", 0.25)), []);
            optimizer.step();
        }

        imtl.parameters().Select(p => p.exp().item<double>()).Should().Equal([0.25, 4], (x, y) => Math.Abs(x - y) < 1e-6);
    }

    [Fact]
    public void At_the_start_it_is_its_inner_balancer()
    {
        using var net = new SmallNet(3);
        using var imtl = new IMTLL(Concrete.Names(3), new MGDA());
        using var mgda = new MGDA();
        imtl.Backward(net.Losses(), net.Shared);
        var found = SmallNet.Gradients(net.All);
        net.ZeroGradients();
        mgda.Backward(net.Losses(), net.Shared);
        SmallNet.Gradients(net.All).Should().BeEquivalentTo(found, o => o.WithStrictOrdering());
        imtl.LastWeights!.Values.Should().Equal(mgda.LastWeights!.Values);
    }

    [Fact]
    public void Refuses_tasks_it_was_not_built_for()
    {
        using var imtl = new IMTLL(["a"]);
        imtl.Invoking(i => i.Backward(Scalars.Of(("z", 1)), [])).Should().Throw<ArgumentException>().WithMessage("*'a'*'z'*");
    }

    private static IMTLL With(double s)
    {
        var imtl = new IMTLL(["a"]);
        imtl.to(ScalarType.Float64);
        using var off = no_grad();
        imtl.parameters().Single().fill_(s);
        return imtl;
    }
}
