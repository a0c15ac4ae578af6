using FluentAssertions;
using MultiTask.Sharing;
using MultiTask.Tests.Contracts;
using MultiTask.Tests.Fixtures;
using TorchSharp;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace MultiTask.Tests.Sharing;

public sealed class NDDRTests : IDisposable
{
    private static readonly string[] Names = ["a", "b", "c"];
    private readonly DisposeScope scope = NewDisposeScope();

    public NDDRTests() => manual_seed(6);

    public void Dispose() => scope.Dispose();

    [Fact]
    public void Each_task_reduces_the_channels_of_all()
    {
        var weights = new Queue<double[]>([[2, 3], [5, 7]]);
        using var trunk = new NDDR(["a", "b"], () => [Numbers.Times(weights.Dequeue())], normalized: false);
        Numbers.Set(trunk.Named("fusions.0.a.map.weight"), tensor(new double[] { 1, 10, 100, 1000, 0, 1, 0, 2 }, [2, 4]));
        Numbers.Set(trunk.Named("fusions.0.a.map.bias"), tensor(new double[] { 0, 4 }));
        // channels of a: 2, 3; of b: 5, 7
        trunk.call(Numbers.Row(1, 1)).For("a").Values().Should().Equal(2 + 30 + 500 + 7000, 3 + 14 + 4);
    }

    [Fact]
    public void Weights_start_at_blocks_of_alpha_and_beta()
    {
        using var trunk = new NDDR(Names, Numbers.Stages);
        var w = trunk.Named("fusions.1.b.map.weight");
        w.Values().Should().Equal(cat([eye(4) * 0.05, eye(4) * 0.9, eye(4) * 0.05], 1).Values(), (p, q) => Math.Abs(p - q) < 1e-7);
        var mixture = trunk.Mixtures(zeros(1, 2))[1];
        mixture.Name.Should().Be("fusions.1");
        mixture.Values[1, 1].Should().BeApproximately(0.9, 1e-7);
        mixture.Values[1, 2].Should().BeApproximately(0.05, 1e-7);
        trunk.MixingParameters().Should().HaveCount(2 * 3 * 3, "a map and a normalisation without a second bias");
    }

    [Fact]
    public void With_all_of_its_own_and_no_norm_it_is_single_tasks()
    {
        using var trunk = new NDDR(Names, Numbers.Stages, own: 1, normalized: false);
        using var single = Single(trunk);
        var x = randn([5, 2], ScalarType.Float64);
        Names.Should().AllSatisfy(task => trunk.call(x).For(task).Values().Should().Equal(single.call(x).For(task).Values(), (p, q) => Math.Abs(p - q) < 1e-14));
    }

    [Fact]
    public void With_all_of_its_own_it_is_single_tasks_up_to_its_norm()
    {
        using var trunk = new NDDR(Names, () => [Linear(3, 4, dtype: ScalarType.Float64)], own: 1);
        using var single = new SingleTask(Names, () => Linear(3, 4, dtype: ScalarType.Float64));
        Numbers.Copy(Names.SelectMany(t => new[] { "weight", "bias" }.Select(p => trunk.Named($"towers.{t}.0.{p}"))), single.parameters());
        var x = randn([6, 3], ScalarType.Float64);
        var h = single.call(x).For("b");
        var normalized = ((h - h.mean([0L])) / (h.var(0, unbiased: false) + 1e-5).sqrt()).relu();
        trunk.call(x).For("b").Values().Should().Equal(normalized.Values(), (p, q) => Math.Abs(p - q) < 1e-6);
    }

    [Fact]
    public void One_dense_sample_is_normalised_by_the_running_averages()
    {
        using var trunk = new NDDR(Names, Numbers.Stages);
        var x = randn([1, 2], ScalarType.Float64);
        var training = trunk.call(x).For("a").Values();
        training.Should().OnlyContain(v => double.IsFinite(v));
        trunk.state_dict()["fusions.0.a.norm.batch.running_mean"].Values().Should().OnlyContain(v => v == 0);
        trunk.eval();
        trunk.call(x).For("a").Values().Should().Equal(training);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(-1)]
    public void Channels_are_where_it_is_told(int dimension)
    {
        using var trunk = new NDDR(["a", "b"], () => [Identity()], widths: [3], channelDimension: dimension);
        Numbers.Spread(trunk);
        var x = randn(4, 3, 5);
        var z = trunk.call(dimension == 1 ? x : x.transpose(1, 2)).For("a");
        var w = trunk.Named("fusions.0.a.map.weight");
        var conv = functional.conv1d(cat([x, x], 1), w.unsqueeze(-1));
        var (scale, shift) = (trunk.Named("fusions.0.a.norm.batch.weight"), trunk.Named("fusions.0.a.norm.batch.bias"));
        var expected = functional.batch_norm(conv, zeros(3), ones(3), scale, shift, training: true).relu();
        (dimension == 1 ? z : z.transpose(1, 2)).Values().Should().Equal(expected.Values(), (p, q) => Math.Abs(p - q) < 1e-5);
    }

    [Fact]
    public void Fuses_images()
    {
        using var trunk = new NDDR(["a", "b"], () => [Sequential(Conv2d(1, 3, 3), ReLU()), Conv2d(3, 2, 3)]);
        trunk.call(randn(4, 1, 8, 8)).For("b").shape.Should().Equal(4, 2, 4, 4);
    }

    [Fact]
    public void Refuses_what_makes_no_sense()
    {
        FluentActions.Invoking(() => new NDDR(Names, Numbers.Stages, own: -0.1)).Should().Throw<ArgumentOutOfRangeException>().WithMessage("*`own`*-0.1*");
        FluentActions.Invoking(() => new NDDR(Names, () => [Tanh()])).Should().Throw<ArgumentException>().WithMessage("*stage 0*`widths`*");
        FluentActions.Invoking(() => new NDDR(Names, Numbers.Stages, widths: [4])).Should().Throw<ArgumentException>().WithMessage("*`widths`*2 positive*[4]*");
        using var wrong = new NDDR(Names, () => [Linear(2, 2)], widths: [3]);
        wrong.Invoking(t => t.call(zeros(4, 2)).For("a")).Should().Throw<ArgumentException>().WithMessage("Stage 0*3 channels*");
    }

    private static SingleTask Single(Trunk trunk)
    {
        var single = new SingleTask(Names, TrunkContract.Tower);
        Numbers.Copy(trunk.SharedParameters(), single.parameters());
        return single;
    }
}
