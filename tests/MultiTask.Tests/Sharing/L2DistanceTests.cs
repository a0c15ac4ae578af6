using FluentAssertions;
using MultiTask.Sharing;
using MultiTask.Tests.Fixtures;
using TorchSharp;
using static TorchSharp.torch;

namespace MultiTask.Tests.Sharing;

public sealed class L2DistanceTests : IDisposable
{
    private readonly DisposeScope scope = NewDisposeScope();

    public void Dispose() => scope.Dispose();

    [Fact]
    public void Identical_layers_cost_nothing_and_are_not_moved()
    {
        using var penalty = new L2Distance(3);
        var layer = Layers.Of([1.5, -2], [1.5, -2], [1.5, -2]);
        penalty.Value(layer).Should().Be(0);
        penalty.Gradient(layer).Values().Should().OnlyContain(g => g == 0);
    }

    [Fact]
    public void Orthogonal_layers_cost_half_lambda_times_the_squared_distance()
    {
        using var penalty = new L2Distance(3);
        var layer = Layers.Of([2, 0], [0, 5]);
        penalty.Value(layer).Should().BeApproximately(1.5 * (4 + 25), 1e-13);

        // λ (a − b) and λ (b − a).
        penalty.Gradient(layer).Values().Should().Equal([6, -15, -6, 15], (x, y) => Math.Abs(x - y) < 1e-13);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(6)]
    public void The_sum_over_pairs_is_T_times_the_sum_of_distances_from_the_mean(int tasks)
    {
        using var penalty = new L2Distance(0.8);
        var layer = Layers.Draw(tasks, [3, 4]);
        var own = layer.Parameters.Values;
        var pairs = own.SelectMany((p, i) => own.Take(i).Select(q => (p - q).square().sum().item<double>())).Sum();
        penalty.Value(layer).Should().BeApproximately(0.4 * pairs, 1e-11);
    }

    [Fact]
    public void What_layers_have_in_common_is_free()
    {
        using var penalty = new L2Distance(1);
        var layer = Layers.Draw(3, [5]);
        var common = Layers.Draw(1, [5], seed: 2).Stacked();
        penalty.Value(layer.With(layer.Stacked() + common)).Should().BeApproximately(penalty.Value(layer), 1e-12);
    }

    [Fact]
    public void The_proximal_step_keeps_the_mean_and_brings_the_towers_nearer()
    {
        using var penalty = new L2Distance(2);
        penalty.Moved(Layers.Of([1.0], [5.0]), step: 0.25).Stacked().Values().Should().Equal([2, 4], (x, y) => Math.Abs(x - y) < 1e-13);
        penalty.Moved(Layers.Of([1.0], [5.0]), step: 1e12).Stacked().Values().Should().Equal([3, 3], (x, y) => Math.Abs(x - y) < 1e-9);
    }

    [Theory]
    [InlineData(-1)]
    [InlineData(double.NaN)]
    [InlineData(double.PositiveInfinity)]
    public void Refuses_a_step_that_is_none(double step)
    {
        using var penalty = new L2Distance(2);
        penalty.Invoking(p => p.Prox(Layers.Of([1.0], [5.0]), step)).Should().Throw<ArgumentOutOfRangeException>().WithMessage($"*`step`*non-negative*{step}*");
    }
}
