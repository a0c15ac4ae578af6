using FluentAssertions;
using MultiTask.Sharing;
using MultiTask.Tests.Fixtures;
using TorchSharp;
using static TorchSharp.torch;

namespace MultiTask.Tests.Sharing;

public sealed class TraceNormTests : IDisposable
{
    private readonly DisposeScope scope = NewDisposeScope();

    public void Dispose() => scope.Dispose();

    [Theory]
    [InlineData(2)]
    [InlineData(5)]
    public void Identical_layers_cost_the_root_of_T_times_their_length(int tasks)
    {
        using var penalty = new TraceNorm(2);
        var one = Layers.Draw(1, [3, 4]).Parameters.Values[0];
        var layer = Layers.Of([.. Enumerable.Repeat(one, tasks)]);
        var length = one.norm().item<double>();
        penalty.Value(layer).Should().BeApproximately(2 * Math.Sqrt(tasks) * length, 1e-12);

        // U Vᵀ: each row is the layer / (√T × its length).
        penalty.Gradient(layer)[1].Values().Should().Equal((one * (2 / (Math.Sqrt(tasks) * length))).Values(), (x, y) => Math.Abs(x - y) < 1e-12);
    }

    [Fact]
    public void Orthogonal_layers_cost_the_sum_of_their_lengths()
    {
        using var penalty = new TraceNorm(2);
        var layer = Layers.Of([3, 0, 0, 4], [0, 5, 0, 0], [-4, 0, 0, 3]);
        penalty.Value(layer).Should().BeApproximately(2 * 3 * 5, 1e-12);
        penalty.Gradient(layer).Values().Should().Equal((layer.Stacked() * (2.0 / 5)).Values(), (x, y) => Math.Abs(x - y) < 1e-12);
    }

    [Fact]
    public void Tucker_is_the_sum_over_the_dimensions()
    {
        using var penalty = new TraceNorm(0.5, TensorFlattening.Tucker);
        var layer = Layers.Draw(3, [2, 4]);
        var w = layer.Stacked();
        var expected = Norm(w.reshape(3, 8)) + Norm(w.transpose(0, 1).reshape(2, 12)) + Norm(w.transpose(0, 2).reshape(4, 6));
        penalty.Value(layer).Should().BeApproximately(0.5 * expected, 1e-11);
    }

    [Fact]
    public void Tensor_train_is_the_sum_over_the_cuts_with_the_tasks_last()
    {
        using var penalty = new TraceNorm(0.5, TensorFlattening.TensorTrain);
        var layer = Layers.Draw(3, [2, 4, 2]);

        // The paper's order: input before output, tasks last.
        var w = layer.Stacked().permute(3, 2, 1, 0);
        var expected = Norm(w.reshape(2, -1)) + Norm(w.reshape(8, -1)) + Norm(w.reshape(16, -1));
        penalty.Value(layer).Should().BeApproximately(0.5 * expected, 1e-11);
    }

    [Fact]
    public void The_proximal_step_shrinks_the_singular_values()
    {
        using var penalty = new TraceNorm(2);
        var layer = Layers.Draw(4, [3, 2]);
        var before = linalg.svdvals(layer.Stacked().reshape(4, -1)).Values();
        var step = (before[2] + before[1]) / 4;
        linalg.svdvals(penalty.Moved(layer, step).Stacked().reshape(4, -1)).Values()
            .Should().Equal(before.Select(v => Math.Max(v - (2 * step), 0)), (x, y) => Math.Abs(x - y) < 1e-12);
    }

    [Fact]
    public void Linear_tasks_of_one_direction_are_found_to_be_so()
    {
        // True weights of rank one; the steps put the other singular values to exactly 0, the gradient does not.
        var tasks = new LinearTasks(5, samples: 12, seed: 3, apart: 0, noise: 0.5);
        var steps = linalg.svdvals(tasks.Train(new TraceNorm(20), steps: 200, rate: 0.01, proximal: true)).Values();
        steps[0].Should().BeGreaterThan(1);
        steps.Skip(1).Should().OnlyContain(v => v < 1e-9);
        linalg.svdvals(tasks.Train(new TraceNorm(20), steps: 200, rate: 0.01, proximal: false)).Values()[1].Should().BeGreaterThan(1e-6);
    }

    [Fact]
    public void Refuses_a_flattening_that_is_none() =>
        FluentActions.Invoking(() => new TraceNorm(1, (TensorFlattening)7)).Should().Throw<ArgumentOutOfRangeException>().WithMessage("*`flattening`*Tucker*7*");

    private static double Norm(Tensor matrix) => linalg.svdvals(matrix).sum().item<double>();
}
