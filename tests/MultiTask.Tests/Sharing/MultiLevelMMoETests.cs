using FluentAssertions;
using MultiTask.Sharing;
using MultiTask.Tests.Fixtures;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace MultiTask.Tests.Sharing;

public sealed class MultiLevelMMoETests : IDisposable
{
    private static readonly string[] Names = ["a", "b"];
    private readonly DisposeScope scope = NewDisposeScope();

    public MultiLevelMMoETests() => manual_seed(5);

    public void Dispose() => scope.Dispose();

    [Fact]
    public void Each_expert_reads_a_mixture_of_its_own_and_gates_read_the_inputs()
    {
        using var trunk = new MultiLevelMMoE(Names, 2, Expert.Stack);
        trunk.Scale("levels.0.0.weight", 1);
        trunk.Scale("levels.0.1.weight", 5);
        trunk.Scale("levels.1.0.weight", 2);
        trunk.Scale("levels.1.1.weight", 100);
        trunk.Set("between.0.0.weight", 0, 0, 1, 0); // x₀ = ln 3: ¼, ¾
        trunk.Set("between.0.1.weight", 1, 0, 0, 0); // ¾, ¼
        trunk.Set("gates.a.weight", 0, 0, 1, 0);
        trunk.Set("gates.b.weight", 0, 0, 0, 0);
        var x = tensor(new[] { Math.Log(3), 1.0 }).reshape(1, 2);
        double below0 = 0.25 + (0.75 * 5), below1 = 0.75 + (0.25 * 5);
        trunk.call(x).For("a").Values()[1].Should().BeApproximately((0.25 * 2 * below0) + (0.75 * 100 * below1), 1e-10);
        trunk.call(x).For("b").Values()[1].Should().BeApproximately((0.5 * 2 * below0) + (0.5 * 100 * below1), 1e-10);

        var mixtures = trunk.Mixtures(x);
        mixtures.Select(m => m.Name).Should().Equal("between.0", "gates");
        mixtures[0].Rows.Should().Equal("levels.1.0", "levels.1.1");
        mixtures[0].Columns.Should().Equal("levels.0.0", "levels.0.1");
        mixtures[0].Values[1, 0].Should().BeApproximately(0.75, 1e-12);
        mixtures[1].Values[0, 1].Should().BeApproximately(0.75, 1e-12);
        trunk.MixingParameters().Should().HaveCount(4);
        trunk.TaskParameters("a").Should().ContainSingle();
    }

    [Fact]
    public void With_one_level_it_is_MMoE()
    {
        using var levels = new MultiLevelMMoE(Names, 3, () => [Expert.Plain()]);
        using var flat = new MMoE(Names, 3, Expert.Plain);
        flat.CopyFrom(levels);
        var x = randn(4, 2, ScalarType.Float64);
        flat.call(x).For("b").Values().Should().Equal(levels.call(x).For("b").Values());
    }

    [Fact]
    public void Convolutional_levels_are_mixed_as_feature_maps()
    {
        using var trunk = new MultiLevelMMoE(Names, 2, () => [Conv2d(1, 3, 3), Sequential(Conv2d(3, 2, 3), Flatten())], n => Sequential(Flatten(), Linear(36, n)));
        trunk.call(randn(4, 1, 6, 6)).For("a").shape.Should().Equal(4, 8);
    }

    [Fact]
    public void Refuses_stacks_that_differ_or_are_empty()
    {
        var depths = new Queue<int>([2, 1]);
        FluentActions.Invoking(() => new MultiLevelMMoE(Names, 2, () => depths.Dequeue() == 1 ? [Expert.Plain()] : Expert.Stack()))
            .Should().Throw<ArgumentException>().WithMessage("`expert` should make 2 layers on each call. It made 1.*");
        FluentActions.Invoking(() => new MultiLevelMMoE(Names, 2, () => [])).Should().Throw<ArgumentOutOfRangeException>().WithMessage("`expert`*at least 1*");
        FluentActions.Invoking(() => new MultiLevelMMoE(Names, 0, Expert.Stack)).Should().Throw<ArgumentOutOfRangeException>().WithMessage("`experts`*");
    }
}
