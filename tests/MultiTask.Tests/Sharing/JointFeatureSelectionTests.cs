using FluentAssertions;
using MultiTask.Sharing;
using MultiTask.Tests.Fixtures;
using TorchSharp;
using static TorchSharp.torch;

namespace MultiTask.Tests.Sharing;

public sealed class JointFeatureSelectionTests : IDisposable
{
    private readonly DisposeScope scope = NewDisposeScope();

    public void Dispose() => scope.Dispose();

    [Fact]
    public void Known_values()
    {
        using var penalty = new JointFeatureSelection(2);
        var layer = Layers.Of([3, 0, 0], [4, 0, -1]);
        penalty.Value(layer).Should().BeApproximately(2 * (5 + 0 + 1), 1e-12);
        penalty.Gradient(layer).Values().Should().Equal([1.2, 0, 0, 1.6, 0, -2], (x, y) => Math.Abs(x - y) < 1e-12);
    }

    [Fact]
    public void The_proximal_step_drops_a_feature_of_all_tasks_or_of_none()
    {
        using var penalty = new JointFeatureSelection(2);
        penalty.Moved(Layers.Of([3, 0.6, 0], [4, 0.8, -1]), step: 0.5).Stacked().Values()
            .Should().Equal([2.4, 0, 0, 3.2, 0, 0], (x, y) => Math.Abs(x - y) < 1e-12);
    }

    [Fact]
    public void A_feature_is_an_entry_an_input_or_a_unit()
    {
        var layer = Layers.Draw(3, [2, 4, 3, 3]);
        var w = layer.Stacked().detach().square();
        using var entry = new JointFeatureSelection(1);
        using var input = new JointFeatureSelection(1, FeatureGroup.Input);
        using var unit = new JointFeatureSelection(1, FeatureGroup.Unit);
        entry.Value(layer).Should().BeApproximately(w.sum(dim: 0).sqrt().sum().item<double>(), 1e-10);
        input.Value(layer).Should().BeApproximately(w.sum([0, 1, 3, 4]).sqrt().sum().item<double>(), 1e-10);
        unit.Value(layer).Should().BeApproximately(w.sum([0, 2, 3, 4]).sqrt().sum().item<double>(), 1e-10);
        var bias = Layers.Draw(3, [4]);
        input.Value(bias).Should().BeApproximately(entry.Value(bias), 1e-12);
    }

    [Fact]
    public void Linear_tasks_drop_the_features_that_none_needs()
    {
        var tasks = new LinearTasks(3, samples: 20, seed: 2);
        var weights = tasks.Train(new JointFeatureSelection(25), steps: 300, rate: 0.01, proximal: true);
        var dropped = weights.eq(0).Values().Chunk(LinearTasks.Features).ToArray();
        dropped[0].Should().Equal(dropped[1]).And.Equal(dropped[2]).And.Contain(0).And.Contain(1);
    }

    [Fact]
    public void Refuses_a_group_that_is_none() =>
        FluentActions.Invoking(() => new JointFeatureSelection(1, (FeatureGroup)7)).Should().Throw<ArgumentOutOfRangeException>().WithMessage("*`group`*Input*7*");
}
