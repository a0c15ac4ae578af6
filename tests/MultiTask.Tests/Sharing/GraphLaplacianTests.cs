using FluentAssertions;
using MultiTask.Sharing;
using MultiTask.Tests.Fixtures;
using TorchSharp;
using static TorchSharp.torch;

namespace MultiTask.Tests.Sharing;

public sealed class GraphLaplacianTests : IDisposable
{
    private static readonly (string, string, double)[] Chain = [("a", "b", 2), ("c", "b", 0.5)];
    private readonly DisposeScope scope = NewDisposeScope();

    public void Dispose() => scope.Dispose();

    [Fact]
    public void Known_values()
    {
        using var penalty = new GraphLaplacian(0.5, Chain);
        var layer = Layers.Of([1.0, 0], [4, 1], [4, 3]);
        penalty.Value(layer).Should().BeApproximately(0.25 * ((2 * 10) + (0.5 * 4)), 1e-12);

        // λ W L.
        penalty.Gradient(layer).Values().Should().Equal([-3, -1, 3, 0.5, 0, 0.5], (x, y) => Math.Abs(x - y) < 1e-12);
    }

    [Theory]
    [InlineData(2)]
    [InlineData(4)]
    public void With_all_tasks_joined_by_1_over_T_it_is_the_distance_from_the_mean(int tasks)
    {
        var layer = Layers.Draw(tasks, [3, 2]);
        (string, string, double)[] Complete(double weight) =>
            [.. layer.Parameters.Tasks.SelectMany((t, i) => layer.Parameters.Tasks.Take(i).Select(s => (s, t, weight)))];
        using var mean = new GraphLaplacian(0.6, Complete(1.0 / tasks));
        using var pairs = new GraphLaplacian(0.6, Complete(1));
        using var distance = new L2Distance(0.6);
        var centred = layer.Stacked() - layer.Stacked().mean([0L], keepdim: true);
        mean.Value(layer).Should().BeApproximately(0.3 * centred.square().sum().item<double>(), 1e-12);
        pairs.Value(layer).Should().BeApproximately(distance.Value(layer), 1e-12);
    }

    [Fact]
    public void Linear_tasks_end_at_the_closed_form()
    {
        var tasks = new LinearTasks(3, samples: 7, seed: 8);
        const double Lambda = 3;
        double[,] own = { { 1, 0, 0 }, { 0, 1, 0 }, { 0, 0, 1 } };
        double[,] laplacian = { { 2, -2, 0 }, { -2, 2.5, -0.5 }, { 0, -0.5, 0.5 } };
        var charged = (double[,])laplacian.Clone();
        for (var i = 0; i < 9; i++)
        {
            charged[i / 3, i % 3] *= Lambda / 2;
        }

        var weights = tasks.Solve(own, charged);
        tasks.Slope(new GraphLaplacian(Lambda, Chain), weights).Should().BeLessThan(1e-9);
        tasks.Slope(new GraphLaplacian(Lambda * 1.1, Chain), weights).Should().BeGreaterThan(1e-3);
        tasks.Train(new GraphLaplacian(Lambda, Chain), steps: 600, rate: 0.02, proximal: true).Values()
            .Should().Equal(stack(weights).Values(), (x, y) => Math.Abs(x - y) < 1e-8);
    }

    [Fact]
    public void Parts_that_no_edge_joins_do_not_know_of_each_other()
    {
        using var penalty = new GraphLaplacian(1, [("a", "b", 1)]);
        var layer = Layers.Of([1.0], [3.0], [100.0]);
        penalty.Gradient(layer).Values().Should().Equal([-2, 2, 0], (x, y) => Math.Abs(x - y) < 1e-12);
        penalty.Moved(layer, 1e9).Stacked().Values().Should().Equal([2, 2, 100], (x, y) => Math.Abs(x - y) < 1e-6);
        using var none = new GraphLaplacian(1, []);
        none.Value(layer).Should().Be(0);
    }

    [Fact]
    public void Refuses_graphs_that_are_none()
    {
        Making(("a", "a", 1)).Should().Throw<ArgumentException>().WithMessage("*join two tasks*'a' – 'a'*");
        Making(("a", "b", 1), ("b", "a", 1)).Should().Throw<ArgumentException>().WithMessage("*stand once*'b' – 'a'*");
        Making(("a", "b", -1)).Should().Throw<ArgumentException>().WithMessage("*non-negative*-1*'a' – 'b'*");
        Making(("a", "b", double.NaN)).Should().Throw<ArgumentException>().WithMessage("*non-negative*NaN*");
        FluentActions.Invoking(() => new LinearTasks(2, 3, 1).Trunk(new GraphLaplacian(1, [("a", "z", 1)])))
            .Should().Throw<ArgumentException>().WithMessage("*'a', 'b'*'z'*");
        static Func<GraphLaplacian> Making(params (string, string, double)[] edges) => () => new(1, edges);
    }
}
