using FluentAssertions;
using MultiTask.Sharing;
using MultiTask.Tests.Fixtures;
using TorchSharp;
using static TorchSharp.torch;

namespace MultiTask.Tests.Sharing;

public sealed class MeanRegularizationTests : IDisposable
{
    private readonly DisposeScope scope = NewDisposeScope();

    public void Dispose() => scope.Dispose();

    [Theory]
    [InlineData(0.7, 0.2)]
    [InlineData(3, 0)]
    [InlineData(0, 2)]
    [InlineData(0, 0)]
    public void Is_the_papers_cost_at_the_best_common_parameters(double apart, double common)
    {
        using var penalty = new MeanRegularization(apart, common);
        var layer = Layers.Draw(3, [2, 4]);
        double Cost(Tensor w0) => (apart / 3 * (layer.Stacked() - w0).square().sum().item<double>()) + (common * w0.square().sum().item<double>());
        var best = penalty.Common(layer);
        Cost(best).Should().BeApproximately(penalty.Value(layer), 1e-12);
        foreach (var way in Layers.Draw(5, [2, 4], seed: 2).Parameters.Values)
        {
            Cost(best + (0.1 * way)).Should().BeGreaterThanOrEqualTo(Cost(best));
        }
    }

    [Fact]
    public void Known_values()
    {
        // λ₁ = 3, λ₂ = 1, T = 2: ρ₁ = 3/8, ρ₂ = 9/8. ‖W‖² = 20, distances from the mean 3: 1 and 1.
        using var penalty = new MeanRegularization(3, 1);
        var layer = Layers.Of([2.0], [4.0]);
        penalty.Value(layer).Should().BeApproximately((3.0 / 8 * 20) + (9.0 / 8 * 2), 1e-13);
        penalty.Gradient(layer).Values().Should().Equal([(0.75 * 2) - 2.25, (0.75 * 4) + 2.25], (x, y) => Math.Abs(x - y) < 1e-13);
        penalty.Common(layer).item<double>().Should().BeApproximately(0.75 * 3, 1e-13);
    }

    [Theory]
    [InlineData(2, 0.5)]
    [InlineData(40, 0.01)]
    [InlineData(0.1, 3)]
    public void Linear_tasks_end_at_the_closed_form(double apart, double common)
    {
        var tasks = new LinearTasks(3, samples: 5, seed: 4);
        var weights = Solution(tasks, apart, common);
        tasks.Slope(new MeanRegularization(apart, common), weights).Should().BeLessThan(1e-9);
        tasks.Slope(new MeanRegularization(apart * 1.1, common), weights).Should().BeGreaterThan(1e-4);
    }

    [Fact]
    public void Training_by_proximal_steps_finds_the_closed_form()
    {
        var tasks = new LinearTasks(3, samples: 6, seed: 5);
        tasks.Train(new MeanRegularization(30, 1), steps: 400, rate: 0.02, proximal: true).Values()
            .Should().Equal(stack(Solution(tasks, 30, 1)).Values(), (x, y) => Math.Abs(x - y) < 1e-8);
    }

    [Fact]
    public void With_much_strength_apart_there_is_one_model_and_with_much_on_the_common_one_tasks_are_alone()
    {
        var tasks = new LinearTasks(3, samples: 5, seed: 6);
        double[,] one = { { 1 }, { 1 }, { 1 } };
        var pooled = tasks.Solve(one, new[,] { { 0.4 } });
        Solution(tasks, 1e9, 0.4).Zip(pooled).Should().AllSatisfy(w => (w.First - w.Second).abs().max().item<double>().Should().BeLessThan(1e-6));
        tasks.Slope(new MeanRegularization(1e9, 0.4), Solution(tasks, 1e9, 0.4)).Should().BeLessThan(1e-4);

        double[,] own = { { 1, 0, 0 }, { 0, 1, 0 }, { 0, 0, 1 } };
        var alone = tasks.Solve(own, new[,] { { 0.2, 0, 0 }, { 0, 0.2, 0 }, { 0, 0, 0.2 } });
        tasks.Slope(new MeanRegularization(0.6, 1e9), alone).Should().BeLessThan(1e-6);
    }

    /// <summary>By the paper's own variables: w₀ and an offset for each task, (λ₁/T) Σ‖vₜ‖² + λ₂‖w₀‖².</summary>
    private static Tensor[] Solution(LinearTasks tasks, double apart, double common)
    {
        double[,] made = { { 1, 1, 0, 0 }, { 1, 0, 1, 0 }, { 1, 0, 0, 1 } };
        return tasks.Solve(made, new[,] { { common, 0, 0, 0 }, { 0, apart / 3, 0, 0 }, { 0, 0, apart / 3, 0 }, { 0, 0, 0, apart / 3 } });
    }
}
