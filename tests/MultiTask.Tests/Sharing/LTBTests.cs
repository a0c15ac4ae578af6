using FluentAssertions;
using MultiTask.Sharing;
using MultiTask.Tests.Fixtures;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace MultiTask.Tests.Sharing;

public sealed class LTBTests : IDisposable
{
    private static readonly string[] Names = ["a", "b"];
    private readonly DisposeScope scope = NewDisposeScope();

    public LTBTests() => manual_seed(5);

    public void Dispose() => scope.Dispose();

    [Fact]
    public void At_evaluation_it_is_the_likeliest_tree_and_the_rest_does_not_run()
    {
        var ran = new List<int>();
        var made = 0;
        using var trunk = new LTB(Names, 3, () => [Heard(), Heard()]);
        Module<Tensor, Tensor> Heard()
        {
            var number = made++;
            var layer = Linear(2, 2, hasBias: false, dtype: ScalarType.Float64);
            layer.register_forward_hook((_, _, output) =>
            {
                ran.Add(number);
                return output;
            });
            return layer;
        }

        foreach (var (i, name) in new[] { "0.0", "0.1", "0.2", "1.0", "1.1", "1.2" }.Index())
        {
            trunk.Scale($"stacks.layers.{name}.weight", i + 2);
        }

        trunk.Set("routes.between.0", 0, 9, 0, 0.1, 0.2, 0.15, 0, 0, 9);
        trunk.Set("routes.tasks.a", 0.1, 0, 0);
        trunk.Set("routes.tasks.b", 0, 0.1, 0);
        trunk.eval();
        var z = trunk.call(tensor(new[] { 0.0, 1 }).reshape(1, 2));
        z.For("a").Values().Should().Equal(0, 3 * 5);
        z.For("b").Values().Should().Equal(0, 3 * 6);
        ran.Should().Equal([2, 1, 3], "both branch off the second root: numbers go by stack");
        trunk.Mixtures(ones(1, 2, ScalarType.Float64))[^1].Values.Cast<double>().Should().Equal(1, 0, 0, 0, 1, 0);
    }

    [Fact]
    public void In_training_parents_are_drawn_as_often_as_likely()
    {
        using var trunk = new LTB(["a"], 3, () => [Expert.Plain()]);
        trunk.Set("routes.tasks.a", Math.Log(6), Math.Log(3), 0);
        var x = ones(1, 2, ScalarType.Float64);
        var counts = new double[3];
        for (var i = 0; i < 1500; i++)
        {
            using var inner = NewDisposeScope();
            var row = trunk.Mixtures(x)[0].Values.Cast<double>().ToArray();
            row.Order().Should().Equal(0, 0, 1);
            counts[Array.IndexOf(row, 1.0)]++;
        }

        counts.Zip([0.6, 0.3, 0.1]).Should().OnlyContain(c => Math.Abs((c.First / 1500) - c.Second) < 0.06);
    }

    [Fact]
    public void The_gradient_of_a_draw_is_the_softmaxs()
    {
        using var trunk = new LTB(Names, 3, Expert.Stack, temperature: _ => 2);
        trunk.call(randn(4, 2, ScalarType.Float64)).For("a").square().sum().backward();
        var own = trunk.ByName()["routes.tasks.a"].grad!.Values();
        own.Should().OnlyContain(g => g != 0);
        own.Sum().Should().BeApproximately(0, 1e-12 * own.Max(Math.Abs), "a softmax does not change when all logits do");
        trunk.ByName()["routes.tasks.b"].HasGradient().Should().BeFalse();
        trunk.TaskParameters("a").Should().ContainSingle();
    }

    [Fact]
    public void Starts_uniform_and_the_temperature_can_be_cooled()
    {
        using var trunk = new LTB(Names, 3, Expert.Stack);
        trunk.MixingParameters().SelectMany(p => p.Values()).Should().HaveCount(15).And.OnlyContain(v => v == 0);
        trunk.Temperature.Should().Be(1);
        using var cooled = new LTB(Names, 3, Expert.Stack, temperature: clock => 2 - clock.Steps - (0.5 * clock.Epochs));
        cooled.Temperature.Should().Be(2);
        cooled.EndEpoch();
        cooled.Temperature.Should().Be(1.5);
        using var resumed = new LTB(Names, 3, Expert.Stack, temperature: clock => 2 - clock.Steps - (0.5 * clock.Epochs));
        resumed.load_state_dict(cooled.state_dict());
        resumed.Temperature.Should().Be(1.5, "the clock is a part of the state");
        cooled.EndStep(0.1);
        cooled.EndStep(0.1);
        cooled.Invoking(t => t.Temperature).Should().Throw<ArgumentOutOfRangeException>().WithMessage("`temperature` should be positive*Found -0.5.*");
    }

    [Fact]
    public void Branches_of_unlike_shapes_are_refused_not_broadcast()
    {
        var widths = new Queue<int>([4, 1]);
        using var trunk = new LTB(Names, 2, () => [Linear(2, widths.Dequeue())]);
        trunk.Invoking(t => t.call(randn(3, 2)).For("a")).Should().Throw<ArgumentException>().WithMessage("*one shape*[3, 4]*[3, 1]*");
    }

    [Fact]
    public void With_one_branch_it_is_hard_sharing()
    {
        using var trunk = new LTB(Names, 1, Expert.Stack);
        using var hard = new HardSharing(Sequential(Linear(2, 2, hasBias: false, dtype: ScalarType.Float64), Linear(2, 2, hasBias: false, dtype: ScalarType.Float64)));
        hard.CopyFrom(trunk);
        var x = randn(4, 2, ScalarType.Float64);
        trunk.call(x).For("b").Values().Should().Equal(hard.call(x).For("b").Values());
    }

    [Fact]
    public void Sequences_branch_as_they_are()
    {
        using var trunk = new LTB(Names, 2, () => [Embedding(10, 4), Sequential(Linear(4, 3), Tanh())]);
        trunk.call(tensor(new long[] { 1, 2, 3, 4, 5, 1 }).reshape(2, 3)).For("b").shape.Should().Equal(2, 3, 3);
    }

    [Fact]
    public void Refuses_arguments_that_make_no_sense()
    {
        FluentActions.Invoking(() => new LTB(Names, 0, Expert.Stack)).Should().Throw<ArgumentOutOfRangeException>().WithMessage("`branches` should be at least 1. Found 0.*");
        FluentActions.Invoking(() => new LTB(Names, 2, Expert.Stack, temperature: _ => -1)).Should().Throw<ArgumentOutOfRangeException>().WithMessage("`temperature`*Found -1.*");
        FluentActions.Invoking(() => new LTB(Names, 2, null!)).Should().Throw<ArgumentNullException>();
    }
}
