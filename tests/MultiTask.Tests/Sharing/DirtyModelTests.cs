using FluentAssertions;
using MultiTask.Sharing;
using MultiTask.Tests.Fixtures;
using TorchSharp;
using static TorchSharp.torch;

namespace MultiTask.Tests.Sharing;

public sealed class DirtyModelTests : IDisposable
{
    private readonly DisposeScope scope = NewDisposeScope();

    public void Dispose() => scope.Dispose();

    [Fact]
    public void Known_values()
    {
        // λ_b/λ_s = 2.5: k = 2. |w| = 5, 3, 2: 5 + 3 + 0.5 × 2.
        using var penalty = new DirtyModel(2.5, 1);
        var layer = Layers.Of([-5.0], [2.0], [3.0]);
        penalty.Value(layer).Should().BeApproximately(9, 1e-12);
        penalty.Gradient(layer).Values().Should().Equal([-1, 0.5, 1], (x, y) => Math.Abs(x - y) < 1e-12);
        var (block, sparse) = penalty.Parts(layer);
        block.Values().Should().Equal(-2, 2, 2);
        sparse.Values().Should().Equal(-3, 0, 1);
    }

    [Theory]
    [InlineData(0.5, 1)]
    [InlineData(1, 1)]
    [InlineData(2.7, 1)]
    [InlineData(3, 1)]
    [InlineData(9, 1)]
    [InlineData(1, 0)]
    [InlineData(0, 1)]
    public void Is_the_least_cost_of_a_shared_and_a_sparse_part(double block, double sparse)
    {
        using var penalty = new DirtyModel(block, sparse);
        var layer = Layers.Draw(4, [5]);
        double Cost(Tensor b) => (block * b.abs().amax([0L]).sum().item<double>()) + (sparse * (layer.Stacked() - b).abs().sum().item<double>());
        var (shared, own) = penalty.Parts(layer);
        (shared + own).Values().Should().Equal(layer.Stacked().Values(), (x, y) => Math.Abs(x - y) < 1e-15);
        Cost(shared).Should().BeApproximately(penalty.Value(layer), 1e-12);
        using var generator = new Generator(1);
        for (var i = 0; i < 200; i++)
        {
            var other = i % 2 == 0
                ? shared + (0.3 * randn([4, 5], ScalarType.Float64, generator: generator))
                : layer.Stacked() * rand([4, 5], ScalarType.Float64, generator: generator);
            Cost(other).Should().BeGreaterThanOrEqualTo(penalty.Value(layer) - 1e-12);
        }
    }

    [Fact]
    public void With_dear_blocks_it_is_the_lasso_and_with_dear_own_parts_the_greatest_counts()
    {
        var layer = Layers.Draw(3, [2, 2]);
        var w = layer.Stacked().detach().abs();
        using var lasso = new DirtyModel(3, 1);
        using var shared = new DirtyModel(1, 1);
        lasso.Value(layer).Should().BeApproximately(w.sum().item<double>(), 1e-12);
        shared.Value(layer).Should().BeApproximately(w.amax([0L]).sum().item<double>(), 1e-12);
        lasso.Moved(layer, 0.4).Stacked().Values().Should().Equal(
            layer.Stacked().Values().Select(v => Math.Sign(v) * Math.Max(Math.Abs(v) - 0.4, 0)), (x, y) => Math.Abs(x - y) < 1e-12);
    }

    [Fact]
    public void The_proximal_step_leaves_one_bound_for_the_shared_part()
    {
        // λ_b = λ_s = 1, ℓ∞: from (5, 4, 1) Σ(|w| − bound)⁺ = 2 is taken: the bound is 3.5.
        using var penalty = new DirtyModel(1, 1);
        penalty.Moved(Layers.Of([5.0], [-4.0], [1.0]), step: 2).Stacked().Values().Should().Equal([3.5, -3.5, 1], (x, y) => Math.Abs(x - y) < 1e-12);
        penalty.Moved(Layers.Of([1.0], [-0.5], [0.4]), step: 2).Stacked().Values().Should().OnlyContain(v => v == 0);
    }
}
