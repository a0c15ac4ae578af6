using FluentAssertions;
using MultiTask.Balancing;
using TorchSharp;
using static TorchSharp.torch;

namespace MultiTask.Tests.Balancing;

public sealed class LossVectorTests
{
    [Fact]
    public void Is_float64_whatever_the_losses_are_and_gradients_flow_back()
    {
        using var scope = NewDisposeScope();
        var (a, b) = (tensor(1.5f).requires_grad_(), tensor(1e-30, dtype: ScalarType.Float64).requires_grad_());
        var vector = LossVector.Of([("a", a), ("b", b)]);
        vector.dtype.Should().Be(ScalarType.Float64);
        vector.data<double>().ToArray().Should().Equal(1.5, 1e-30);
        (vector * LossVector.Beside(vector, [2, 1e30])).sum().backward();
        a.grad!.dtype.Should().Be(ScalarType.Float32);
        a.grad!.item<float>().Should().Be(2);
        b.grad!.item<double>().Should().Be(1e30);
    }
}
