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
        var layers = Enumerable.Range(0, 3).Select(_ => tensor(new[] { 1.5, -2 }).requires_grad_()).ToArray();
        var value = penalty.Of(layers);
        value.item<double>().Should().Be(0);
        value.backward();
        layers.Should().AllSatisfy(l => l.grad!.Values().Should().Equal(0, 0));
    }

    [Fact]
    public void Orthogonal_layers_cost_half_lambda_times_the_squared_distance()
    {
        using var penalty = new L2Distance(3);
        var (a, b) = (tensor(new double[] { 2, 0 }).requires_grad_(), tensor(new double[] { 0, 5 }).requires_grad_());
        var value = penalty.Of([a, b]);
        value.item<double>().Should().BeApproximately(1.5 * (4 + 25), 1e-13);
        value.backward();

        // λ (a − b) and λ (b − a).
        a.grad!.Values().Should().Equal([6, -15], (x, y) => Math.Abs(x - y) < 1e-13);
        b.grad!.Values().Should().Equal([-6, 15], (x, y) => Math.Abs(x - y) < 1e-13);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(7)]
    public void The_sum_over_pairs_is_T_times_the_sum_of_distances_from_the_mean(int tasks)
    {
        using var penalty = new L2Distance(0.8);
        using var generator = new Generator((ulong)tasks);
        var layers = Enumerable.Range(0, tasks).Select(_ => randn([3, 4], ScalarType.Float64, generator: generator)).ToArray();
        var pairs = 0.0;
        for (var t = 0; t < tasks; t++)
        {
            for (var s = 0; s < t; s++)
            {
                pairs += (layers[s] - layers[t]).square().sum().item<double>();
            }
        }

        penalty.Of(layers).item<double>().Should().BeApproximately(0.4 * pairs, 1e-11);
    }

    [Fact]
    public void What_layers_have_in_common_is_free()
    {
        using var penalty = new L2Distance(1);
        using var generator = new Generator(1);
        var layers = Enumerable.Range(0, 3).Select(_ => randn([5], ScalarType.Float64, generator: generator)).ToArray();
        var common = randn([5], ScalarType.Float64, generator: generator);
        penalty.Of([.. layers.Select(l => l + common)]).item<double>().Should().BeApproximately(penalty.Of(layers).item<double>(), 1e-12);
    }

    [Theory]
    [InlineData(-1)]
    [InlineData(double.NaN)]
    [InlineData(double.PositiveInfinity)]
    public void Refuses_a_strength_that_is_none(double strength) =>
        FluentActions.Invoking(() => new L2Distance(strength)).Should().Throw<ArgumentOutOfRangeException>().WithMessage($"*non-negative*{strength}*");
}
