using FluentAssertions;
using MultiTask.Balancing;
using TorchSharp;
using static TorchSharp.torch;

namespace MultiTask.Tests.Contracts;

/// <summary>What does not fit into half precision is not done in it.</summary>
public sealed class LowPrecisionTests : IDisposable
{
    private readonly DisposeScope scope = NewDisposeScope();

    public void Dispose() => scope.Dispose();

    [Fact]
    public void GradDrop_keeps_a_gradient_near_the_end_of_the_range()
    {
        Gradient(new GradDrop(), ScalarType.Float16, [[40000, -40000]]).Should().Equal(40000, -40000);
        Gradient(new GradDrop(), ScalarType.Float32, [[3e38, -3e38]]).Should().Equal((float)3e38, (float)-3e38);
    }

    /// <summary>The root of the ratio of these norms is beyond the range.</summary>
    [Fact]
    public void DBMTL_lengthens_a_gradient_of_the_smallest_numbers() =>
        Gradient(new MaxNorm(["task0", "task1"], forgetting: 0, decay: 0), ScalarType.Float16, [[6e-8, 0], [0, 1000]])
            .Should().Equal([1000, 1000], (a, b) => Math.Abs(a - b) <= 1);

    [Fact]
    public void Weights_of_losses_in_half_precision_are_not_rounded_to_it()
    {
        var x = nn.Parameter(ones(1, ScalarType.Float32));
        TaskMap<Tensor> losses = [("a", x.to(ScalarType.BFloat16).sum()), ("b", x.to(ScalarType.BFloat16).sum())];
        TaskWeights.Combine(losses, [("a", 1.001), ("b", 2)]).ToDouble().Should().BeApproximately(3.001, 1e-6);
    }

    /// <summary>A gradient of another type than the parameters' becomes one of theirs.</summary>
    [Fact]
    public void A_gradient_has_its_parameters_type()
    {
        var x = nn.Parameter(ones(2, ScalarType.Float32));
        using var balancer = new Exact();
        balancer.Backward([("a", x.sum()), ("b", (x * 2).sum())], [x]);
        x.grad!.dtype.Should().Be(ScalarType.Float32);
        x.grad.data<float>().ToArray().Should().Equal(1.5f, 1.5f);
    }

    private static double[] Gradient(GradientAggregator balancer, ScalarType dtype, double[][] rows)
    {
        using (balancer)
        {
            var x = nn.Parameter(zeros(rows[0].Length, dtype));
            balancer.Backward(TaskMap.Create(rows.Select((row, i) => ($"task{i}", (x * tensor(row, dtype)).sum()))), [x]);
            x.grad!.dtype.Should().Be(dtype);
            return x.grad.to(ScalarType.Float64).data<double>().ToArray();
        }
    }

    private sealed class Exact() : GradientAggregator(nameof(Exact))
    {
        public override Tensor Aggregate(Jacobian jacobian) => jacobian.Matrix.to(ScalarType.Float64).mean([0L]);
    }
}
