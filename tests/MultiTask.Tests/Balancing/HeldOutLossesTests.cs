using FluentAssertions;
using MultiTask.Balancing;
using MultiTask.Tests.Contracts;
using MultiTask.Tests.Fixtures;
using TorchSharp;
using static TorchSharp.torch;

namespace MultiTask.Tests.Balancing;

public sealed class HeldOutLossesTests : IDisposable
{
    private readonly DisposeScope scope = NewDisposeScope();

    public void Dispose() => scope.Dispose();

    [Fact]
    public void Leaves_are_the_parameters_and_the_shared_ones_beside_them()
    {
        using var net = new SmallNet(2);
        using var held = new HeldOutLosses(() => net.Losses(), net.Head(0), null, 0, "X");
        held.Leaves(net.Shared.Concat(net.Head(0))).Select(p => p.Handle).Should().Equal(net.Head(0).Concat(net.Shared).Select(p => p.Handle));
    }

    [Fact]
    public void Parameters_are_asked_for_in_each_step()
    {
        using var module = nn.Linear(2, 2);
        using var held = new HeldOutLosses(() => [], HeldOutLosses.ParametersOf(module), HeldOutLosses.BuffersOf(module), 0, "X");
        module.to(ScalarType.Float64); // may make new parameters
        held.Leaves([]).Select(p => p.dtype).Should().Equal(ScalarType.Float64, ScalarType.Float64);
    }

    [Fact]
    public void Gradients_are_of_the_tasks_that_are_needed_in_their_order_or_of_their_sum()
    {
        using var toy = new BilevelToy();
        using var held = new HeldOutLosses(() => toy.Validation(), [toy.Theta], null, 0, "X");
        var each = held.Gradients(["c", "a"], BilevelToy.Names, [toy.Theta], sum: false);
        each.Tasks.Should().Equal("c", "a");
        double[] expected = [.. BilevelToy.ValidationGradient(2, toy.Point), .. BilevelToy.ValidationGradient(0, toy.Point)];
        each.Matrix.Values().Should().Equal(expected, (x, y) => Math.Abs(x - y) < 1e-14);
        var sum = held.Gradients(["c", "a"], BilevelToy.Names, [toy.Theta], sum: true);
        sum.Matrix.Values().Should().Equal([expected[0] + expected[2], expected[1] + expected[3]], (x, y) => Math.Abs(x - y) < 1e-14);

        var products = HeldOutLosses.Products(each, Jacobian.Of(toy.Training("b"), [toy.Theta]));
        products.Count.Should().Be(3);
        products[1, 2].Should().BeApproximately(Gramians.Dot(BilevelToy.ValidationGradient(0, toy.Point), BilevelToy.TrainingGradient(1, toy.Point)), 1e-13);
    }
}
