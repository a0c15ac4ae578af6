using FluentAssertions;
using MultiTask.Sharing;
using MultiTask.Tests.Contracts;
using MultiTask.Tests.Fixtures;
using TorchSharp;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace MultiTask.Tests.Sharing;

public sealed class MTANTests : IDisposable
{
    private static readonly string[] Names = ["a", "b", "c"];
    private readonly DisposeScope scope = NewDisposeScope();

    public MTANTests() => manual_seed(8);

    public void Dispose() => scope.Dispose();

    [Fact]
    public void A_mask_reads_the_stage_and_what_was_attended_before()
    {
        using var trunk = new MTAN(["a"], [Numbers.Times(2), Numbers.Times(3)]);
        trunk.eval();
        const string First = "attention.a.0.", Second = "attention.a.1.";
        Numbers.Set(trunk.Named(First + "first.weight"), tensor(0.5));
        Numbers.Set(trunk.Named(First + "second.weight"), tensor(0.7));
        Numbers.Set(trunk.Named(Second + "first.weight"), tensor(new[] { 0.1, 0.4 }, [1, 2]));
        Numbers.Set(trunk.Named(Second + "second.weight"), tensor(-0.3));
        Numbers.Set(trunk.Named("follows.0.map.weight"), tensor(1.5));
        static double Norm(double v) => v / Math.Sqrt(1 + 1e-5);
        static double Mask(double v, double w) => 1 / (1 + Math.Exp(-Norm(w * Math.Max(0, Norm(v)))));
        var first = Mask(0.5 * 2, 0.7) * 2;
        var second = Mask((0.1 * 6) + (0.4 * Math.Max(0, Norm(1.5 * first))), -0.3) * 6;
        trunk.call(Numbers.Row(1)).For("a").item<double>().Should().BeApproximately(second, 1e-12);
        trunk.Mixtures(Numbers.Row(1)).Single().Values[0, 0].Should().BeApproximately(first / 2, 1e-12);
        trunk.Mixtures(Numbers.Row(1)).Single().Values[0, 1].Should().BeApproximately(second / 6, 1e-12);
    }

    [Fact]
    public void The_stack_and_what_carries_on_are_shared_and_attention_is_a_tasks_own()
    {
        using var trunk = new MTAN(Names, Numbers.Stages());
        trunk.call(randn([5, 2], ScalarType.Float64)).For("b").sum().backward();
        trunk.SharedParameters().Should().HaveCount(4 + 3).And.OnlyContain(p => p.HasGradient());
        trunk.TaskParameters("b").Should().HaveCount(2 * 6).And.OnlyContain(p => p.HasGradient());
        trunk.TaskParameters("a").Should().OnlyContain(p => !p.HasGradient());
        trunk.MixingParameters().Should().HaveCount(3 * 2 * 6);
    }

    [Fact]
    public void The_stack_runs_once_for_all_tasks()
    {
        var (first, runs) = (Linear(2, 4), 0);
        first.register_forward_hook((_, _, output) =>
        {
            runs++;
            return output;
        });
        using var trunk = new MTAN(Names, [first, Linear(4, 4)]);
        var z = trunk.call(randn(5, 2));
        Names.Should().AllSatisfy(task => z.For(task).shape.Should().Equal(5, 4));
        runs.Should().Be(1);
    }

    [Fact]
    public void With_masks_half_open_it_is_hard_sharing_at_half_the_size()
    {
        using var trunk = new MTAN(Names, Numbers.Stages());
        using var hard = new HardSharing(TrunkContract.Tower());
        Numbers.Copy(trunk.SharedParameters(), hard.parameters());
        foreach (var task in Names)
        {
            Numbers.Set(trunk.Named($"attention.{task}.1.secondnorm.batch.weight"), tensor(0.0));
        }

        var x = randn([5, 2], ScalarType.Float64);
        trunk.call(x).For("c").Values().Should().Equal((hard.call(x).For("c") / 2).Values(), (p, q) => Math.Abs(p - q) < 1e-14);
    }

    [Fact]
    public void Attended_images_are_pooled_to_the_next_stage_or_by_a_module_of_the_callers()
    {
        Encoder[] Images() => [Sequential(Conv2d(1, 3, 3, padding: 1), ReLU()), Sequential(MaxPool2d(2), Conv2d(3, 5, 3, padding: 1))];
        using var trunk = new MTAN(["a", "b"], Images(), reduction: 2);
        trunk.call(randn(4, 1, 8, 8)).For("b").shape.Should().Equal(4, 5, 4, 4);
        trunk.Named("attention.a.1.first.weight").shape.Should().Equal(2, 10);
        using var own = new MTAN(["a", "b"], Images(), follow: (from, to) => Sequential(Conv2d(from, to, 3, padding: 1), BatchNorm2d(to), ReLU(), MaxPool2d(2)));
        own.call(randn(4, 1, 8, 8)).For("b").shape.Should().Equal(4, 5, 4, 4);
        own.Named("follows.0.0.weight").shape.Should().Equal(5, 3, 3, 3);
        using var wrong = new MTAN(["a", "b"], Images(), follow: (from, to) => Conv2d(from, to + 1, 1));
        wrong.Invoking(t => t.call(randn(4, 1, 8, 8)).For("b")).Should().Throw<ArgumentException>().WithMessage("`follow` before stage 1*5 channels*");
    }

    [Fact]
    public void Attends_to_sequences()
    {
        using var trunk = new MTAN(["a", "b"], [Linear(3, 4), Linear(4, 6)], channelDimension: -1);
        trunk.call(randn(2, 7, 3)).For("a").shape.Should().Equal(2, 7, 6);
    }

    [Fact]
    public void Refuses_what_makes_no_sense()
    {
        FluentActions.Invoking(() => new MTAN(Names, [])).Should().Throw<ArgumentException>().WithMessage("*at least 1 stage*0*");
        FluentActions.Invoking(() => new MTAN(Names, Numbers.Stages(), reduction: 0)).Should().Throw<ArgumentOutOfRangeException>().WithMessage("*`reduction`*at least 1*0*");
        FluentActions.Invoking(() => new MTAN(Names, [Tanh()])).Should().Throw<ArgumentException>().WithMessage("*`widths`*");
    }
}
