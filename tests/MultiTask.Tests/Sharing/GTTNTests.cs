using FluentAssertions;
using MultiTask.Sharing;
using MultiTask.Tests.Contracts;
using MultiTask.Tests.Fixtures;
using TorchSharp;
using static TorchSharp.torch;

namespace MultiTask.Tests.Sharing;

public sealed class GTTNTests : IDisposable
{
    private readonly DisposeScope scope = NewDisposeScope();

    public void Dispose() => scope.Dispose();

    [Fact]
    public void Begins_as_the_mean_over_all_flattenings()
    {
        var layer = Layers.Draw(2, [3, 2, 2]);
        using var penalty = Begun(layer);
        var w = layer.Stacked();
        Tensor[] matrices =
        [
            w.reshape(2, 12), w.permute(1, 0, 2, 3).reshape(3, 8), w.permute(2, 0, 1, 3).reshape(2, 12), w.permute(3, 0, 1, 2).reshape(2, 12),
            w.reshape(6, 4), w.permute(0, 2, 1, 3).reshape(4, 6), w.permute(0, 3, 1, 2).reshape(4, 6),
        ];
        penalty.Value(layer).Should().BeApproximately(0.5 * matrices.Average(m => linalg.svdvals(m).sum().item<double>()), 1e-11);
    }

    [Theory]
    [InlineData(new long[] { }, 1)]
    [InlineData(new long[] { 4 }, 1)]
    [InlineData(new long[] { 4, 3 }, 3)]
    [InlineData(new long[] { 4, 3, 3, 3 }, 15)]
    public void There_are_as_many_flattenings_as_the_paper_says(long[] shape, int count)
    {
        using var penalty = Begun(Layers.Draw(2, shape));
        var coefficients = penalty.Coefficients("0.weight");
        coefficients.Should().HaveCount(count);
        coefficients.Values.Should().AllSatisfy(a => a.Should().BeApproximately(1.0 / count, 1e-12));
    }

    [Fact]
    public void Coefficients_are_named_by_the_dimensions()
    {
        using var penalty = Begun(Layers.Draw(2, [3, 2]));
        penalty.Coefficients("0.weight").Keys.Should().BeEquivalentTo("tasks|0,1", "tasks,0|1", "tasks,1|0");
        penalty.Invoking(p => p.Coefficients("z")).Should().Throw<KeyNotFoundException>().WithMessage("*'z'*'0.weight'*");
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void The_coefficients_learn_and_go_to_the_least_norm(bool proximal)
    {
        var penalty = new GTTN(1);
        using var trunk = new SoftSharing(["a", "b", "c"], TrunkContract.Tower, penalty, name => name == "0.weight" ? 1 : 0, proximal: proximal);
        var own = trunk.MixingParameters().Should().ContainSingle().Subject;
        trunk.SharedParameters().Should().BeEmpty();
        trunk.named_parameters().Select(p => p.name).Should().Contain("penalty.coefficients.0_weight");
        using var optimizer = optim.SGD(trunk.MixingParameters().ToList(), 1);
        for (var i = 0; i < 50; i++)
        {
            optimizer.zero_grad();
            trunk.Penalty()!.backward();
            optimizer.step();
        }

        // The towers are equal, so as rows they have rank one, and the least norm there is: their length.
        penalty.Coefficients("0.weight")["tasks|0,1"].Should().BeGreaterThan(0.8);
        (trunk.TaskParameters("a").First().grad is null).Should().Be(proximal, "towers move by the proximal step instead");
    }

    [Fact]
    public void Belongs_to_one_trunk()
    {
        var penalty = Begun(Layers.Draw(2, [3, 2]));
        FluentActions.Invoking(() => penalty.Begin([])).Should().Throw<InvalidOperationException>().WithMessage("*one trunk*");
    }

    private static GTTN Begun(SharedLayer layer)
    {
        var penalty = new GTTN(0.5);
        penalty.Begin([layer]);
        return penalty;
    }
}
