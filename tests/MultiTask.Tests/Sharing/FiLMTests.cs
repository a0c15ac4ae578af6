using FluentAssertions;
using MultiTask.Sharing;
using MultiTask.Tests.Contracts;
using MultiTask.Tests.Fixtures;
using TorchSharp;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace MultiTask.Tests.Sharing;

public sealed class FiLMTests : IDisposable
{
    private static readonly string[] Names = ["a", "b", "c"];
    private readonly DisposeScope scope = NewDisposeScope();

    public FiLMTests() => manual_seed(9);

    public void Dispose() => scope.Dispose();

    [Fact]
    public void Each_stage_is_scaled_and_shifted_by_the_tasks_embedding()
    {
        using var trunk = new FiLM(["a", "b"], [Numbers.Times(2), Numbers.Times(3)], embedding: 1);
        Numbers.Set(trunk.Named("embeddings.a.weight"), tensor(10.0));
        Numbers.Set(trunk.Named("films.0.weight"), tensor(new[] { 0.1, 0.2 }, [2, 1]));
        Numbers.Set(trunk.Named("films.1.bias"), tensor(new[] { 1.0, -5.0 }));
        // stage 0: 2 · (1 + 1) + 2 = 6; stage 1: 18 · (1 + 1) − 5
        trunk.call(Numbers.Row(1)).For("a").item<double>().Should().BeApproximately(31, 1e-12);
    }

    [Fact]
    public void It_starts_as_hard_sharing()
    {
        using var trunk = new FiLM(Names, Numbers.Stages());
        using var hard = new HardSharing(TrunkContract.Tower());
        Numbers.Copy(trunk.SharedParameters(), hard.parameters());
        var x = randn([5, 2], ScalarType.Float64);
        Names.Should().AllSatisfy(task => trunk.call(x).For(task).Values().Should().Equal(hard.call(x).For(task).Values()));
        trunk.TaskParameters("a").Single().Values().Should().NotEqual(trunk.TaskParameters("b").Single().Values(), "else tasks could never part");
    }

    [Fact]
    public void A_task_trains_the_stack_the_maps_and_its_own_embedding()
    {
        using var trunk = new FiLM(Names, Numbers.Stages());
        Numbers.Spread(trunk);
        trunk.call(randn([5, 2], ScalarType.Float64)).For("b").sum().backward();
        trunk.SharedParameters().Should().HaveCount(8).And.OnlyContain(p => p.grad!.abs().sum().item<double>() > 0);
        trunk.TaskParameters("b").Single().grad!.abs().sum().item<double>().Should().BePositive();
        trunk.TaskParameters("a").Single().grad.Should().BeNull();
    }

    [Theory]
    [InlineData(1)]
    [InlineData(-1)]
    public void Channels_of_images_and_sequences(int dimension)
    {
        using var trunk = new FiLM(["a", "b"], [dimension == 1 ? Conv2d(1, 3, 3) : Linear(4, 3)], channelDimension: dimension);
        Numbers.Set(trunk.Named("films.0.bias"), tensor(new float[] { 0, 0, 0, 1, 2, 3 }));
        var z = trunk.call(dimension == 1 ? zeros(2, 1, 5, 5) : zeros(2, 6, 4)).For("a") - (dimension == 1 ? trunk.Named("stages.0.bias").reshape(3, 1, 1) : trunk.Named("stages.0.bias"));
        z.movedim([dimension], [-1]).flatten(0, -2).mean([0L]).Values().Should().Equal([1, 2, 3], (p, q) => Math.Abs(p - q) < 1e-6);
    }

    [Fact]
    public void The_first_stage_runs_once_for_all_tasks()
    {
        var (first, runs) = (Linear(2, 4), 0);
        first.register_forward_hook((_, _, output) =>
        {
            runs++;
            return output;
        });
        using var trunk = new FiLM(Names, [first, Linear(4, 4)]);
        var z = trunk.call(randn(5, 2));
        Names.Should().AllSatisfy(task => z.For(task).shape.Should().Equal(5, 4));
        runs.Should().Be(1);
    }

    [Fact]
    public void Refuses_what_makes_no_sense()
    {
        FluentActions.Invoking(() => new FiLM(Names, Numbers.Stages(), embedding: 0)).Should().Throw<ArgumentOutOfRangeException>().WithMessage("*`embedding`*at least 1*0*");
        FluentActions.Invoking(() => new FiLM(Names, [])).Should().Throw<ArgumentException>().WithMessage("*at least 1 stage*");
        using var samples = new FiLM(Names, [Linear(2, 2)], channelDimension: -2);
        samples.Invoking(t => t.call(randn(2, 2)).For(Names[0])).Should().Throw<ArgumentException>("dimension -2 is that of the samples").WithMessage("*2 channels along dimension -2*");
        FluentActions.Invoking(() => new FiLM(Array.Empty<string>(), [Linear(2, 2)])).Should().Throw<ArgumentException>().WithMessage("*at least one task*");
        using var wrong = new FiLM(Names, [Linear(2, 2)], widths: [3]);
        wrong.Invoking(t => t.call(zeros(4, 2)).For("a")).Should().Throw<ArgumentException>().WithMessage("Stage 0*3 channels*[4, 2]*");
        using var right = new FiLM(Names, [Linear(2, 2)]);
        right.Invoking(t => t.call(zeros(4, 2)).For("z")).Should().Throw<KeyNotFoundException>().WithMessage("*'z'*");
    }
}
