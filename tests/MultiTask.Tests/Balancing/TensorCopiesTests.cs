using FluentAssertions;
using MultiTask.Balancing;
using MultiTask.Tests.Fixtures;
using MultiTask.Tests.Training;
using TorchSharp;
using static TorchSharp.torch;

namespace MultiTask.Tests.Balancing;

public sealed class TensorCopiesTests
{
    [Theory]
    [InlineData(ScalarType.Float32)]
    [InlineData(ScalarType.Float64)]
    public void Put_every_bit_back(ScalarType dtype)
    {
        using var scope = NewDisposeScope();
        var first = nn.Parameter(tensor(new[] { 0.1, -0.0, 1e-30, 3e7 }, dtype: dtype).reshape(2, 2));
        var second = nn.Parameter(tensor(new[] { 1.0 / 3, double.NaN }, dtype: dtype));
        var bits = first.bytes.ToArray().Concat(second.bytes.ToArray()).ToArray();
        LiveTensors.ShouldStayTheSame(() =>
        {
            using var copies = new TensorCopies([first, second]);
            using var inner = NewDisposeScope();
            copies.Move(tensor(new[] { 1.0, 2, 3, 4, 5, 6 }, dtype: dtype), -0.5);
            first.Values()[1].Should().BeApproximately(-1, 1e-6);
            second.Values()[0].Should().BeApproximately((1.0 / 3) - 2.5, 1e-6);
        });
        first.bytes.ToArray().Concat(second.bytes.ToArray()).Should().Equal(bits);
        (first.requires_grad, first.grad is null).Should().Be((true, true));
    }
}
