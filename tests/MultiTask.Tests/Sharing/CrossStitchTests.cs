using FluentAssertions;
using MultiTask.Sharing;
using MultiTask.Tests.Contracts;
using MultiTask.Tests.Fixtures;
using TorchSharp;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace MultiTask.Tests.Sharing;

public sealed class CrossStitchTests : IDisposable
{
    private static readonly string[] Names = ["a", "b", "c"];
    private readonly DisposeScope scope = NewDisposeScope();

    public CrossStitchTests() => manual_seed(5);

    public void Dispose() => scope.Dispose();

    [Fact]
    public void Features_are_mixed_after_each_stage()
    {
        var weights = new Queue<double>([2, 3, 5, 7]); // a: 2 then 3, b: 5 then 7
        using var trunk = new CrossStitch(["a", "b"], () => [Numbers.Times(weights.Dequeue()), Numbers.Times(weights.Dequeue())]);
        var z = trunk.call(Numbers.Row(1));
        // x = (2, 5), mixed (2.3, 4.7), next (6.9, 32.9), mixed (9.5, 30.3)
        z.For("a").item<double>().Should().BeApproximately(9.5, 1e-12);
        z.For("b").item<double>().Should().BeApproximately(30.3, 1e-12);
    }

    [Fact]
    public void Alpha_starts_with_nine_tenths_of_its_own_and_a_tenth_of_the_others()
    {
        using var trunk = new CrossStitch(Names, Numbers.Stages);
        var mixtures = trunk.Mixtures(zeros(1, 2));
        mixtures.Select(m => m.Name).Should().Equal("stitches.0", "stitches.1");
        mixtures[1].Rows.Should().Equal(Names);
        mixtures[1].Values.Should().BeEquivalentTo(new[,] { { 0.9, 0.05, 0.05 }, { 0.05, 0.9, 0.05 }, { 0.05, 0.05, 0.9 } }, o => o.WithStrictOrdering().Using<double>(c => c.Subject.Should().BeApproximately(c.Expectation, 1e-12)).WhenTypeIs<double>());
        trunk.MixingParameters().Should().HaveCount(6).And.AllSatisfy(p => p.shape.Should().Equal(3));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void With_alpha_the_identity_it_is_single_tasks(bool perChannel)
    {
        using var trunk = new CrossStitch(Names, Numbers.Stages, own: 1, perChannel);
        using var single = new SingleTask(Names, TrunkContract.Tower);
        Numbers.Copy(trunk.SharedParameters(), single.parameters());
        var x = randn([5, 2], ScalarType.Float64);
        Names.Should().AllSatisfy(task => trunk.call(x).For(task).Values().Should().Equal(single.call(x).For(task).Values(), (p, q) => Math.Abs(p - q) < 1e-14));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(-1)]
    public void Each_channel_may_have_its_own_alpha(int dimension)
    {
        using var trunk = new CrossStitch(["a", "b"], () => [Identity()], perChannel: true, widths: [4], channelDimension: dimension);
        Numbers.Set(trunk.Named("stitches.0.a.weight"), tensor(new double[] { 1, 2, 3, 4, 10, 20, 30, 40 }, [2, 4]));
        var x = dimension == 1 ? randn(5, 4, 3, 2) : randn(5, 2, 3, 4);
        var factor = tensor(new float[] { 11, 22, 33, 44 });
        var expected = dimension == 1 ? x * factor.reshape(4, 1, 1) : x * factor;
        trunk.call(x).For("a").Values().Should().Equal(expected.Values(), (p, q) => Math.Abs(p - q) < 1e-4);
        trunk.Mixtures(x)[0].Values[0, 1].Should().Be(25, "a mixture tells the mean of channels");
    }

    [Fact]
    public void Towers_and_alpha_are_shared_but_the_last_alpha_is_a_tasks_own()
    {
        using var trunk = new CrossStitch(Names, Numbers.Stages);
        trunk.named_parameters().Where(p => p.name.StartsWith("stitches.1.b", StringComparison.Ordinal)).Select(p => p.parameter.Handle)
            .Should().Equal(trunk.TaskParameters("b").Select(p => p.Handle));
        trunk.call(randn([5, 2], ScalarType.Float64)).For("b").sum().backward();
        trunk.SharedParameters().Where(p => !p.HasGradient()).Should().HaveCount(0, "one task's loss reaches all towers");
        trunk.Named("towers.a.0.0.weight").grad!.abs().sum().item<double>().Should().BePositive();
        trunk.Named("stitches.1.b.weight").grad!.abs().sum().item<double>().Should().BePositive();
        trunk.Named("stitches.1.a.weight").grad.Should().BeNull();
    }

    [Fact]
    public void Mixes_images_and_keeps_the_stages_dtype()
    {
        using var trunk = new CrossStitch(["a", "b"], () => [Conv2d(1, 3, 3, padding: 1), MaxPool2d(2), Conv2d(3, 2, 3)], perChannel: true);
        trunk.call(randn(4, 1, 8, 8)).For("a").shape.Should().Equal(4, 2, 2, 2);
        trunk.Named("stitches.1.a.weight").shape.Should().Equal([2, 3], "a pooling stage keeps the channels");
        using var doubles = new CrossStitch(["a", "b"], () => [Numbers.Times(1)]);
        doubles.MixingParameters().Should().OnlyContain(p => p.dtype == ScalarType.Float64);
    }

    [Fact]
    public void Refuses_what_makes_no_sense()
    {
        var one = Linear(2, 2);
        var counts = new Queue<int>([1, 2]);
        FluentActions.Invoking(() => new CrossStitch(Names, Numbers.Stages, own: 1.5)).Should().Throw<ArgumentOutOfRangeException>().WithMessage("*`own`*0 to 1*1.5*");
        FluentActions.Invoking(() => new CrossStitch(Names, () => [])).Should().Throw<ArgumentException>().WithMessage("*at least 1 stage*0*");
        FluentActions.Invoking(() => new CrossStitch(Names, () => [one])).Should().Throw<ArgumentException>().WithMessage("*new modules*twice*");
        FluentActions.Invoking(() => new CrossStitch(Names, () => [one, one])).Should().Throw<ArgumentException>().WithMessage("*new modules*twice*");
        FluentActions.Invoking(() => new CrossStitch(["a", "b"], () => [.. Enumerable.Range(0, counts.Dequeue()).Select(_ => (Encoder)Linear(2, 2))]))
            .Should().Throw<ArgumentException>().WithMessage("*1 for 'a' and 2 for 'b'*");
        FluentActions.Invoking(() => new CrossStitch(Names, () => [Tanh()], perChannel: true)).Should().Throw<ArgumentException>().WithMessage("*stage 0*`widths`*");
        FluentActions.Invoking(() => new CrossStitch(Names, () => [Tanh()], widths: [2])).Should().Throw<ArgumentException>().WithMessage("*`perChannel` only*");
        FluentActions.Invoking(() => new CrossStitch(Names, () => [Tanh()], perChannel: true, widths: [0])).Should().Throw<ArgumentException>().WithMessage("*`widths`*1 positive*[0]*");
        FluentActions.Invoking(() => new CrossStitch(Names, Numbers.Stages, perChannel: true, channelDimension: 0)).Should().Throw<ArgumentOutOfRangeException>().WithMessage("*`channelDimension`*0*");
        FluentActions.Invoking(() => new CrossStitch(Array.Empty<string>(), Numbers.Stages)).Should().Throw<ArgumentException>().WithMessage("*at least one task*");
    }

    [Fact]
    public void Says_at_the_first_batch_what_does_not_fit()
    {
        var widths = new Queue<int>([2, 3]);
        using var unlike = new CrossStitch(["a", "b"], () => [Linear(2, widths.Dequeue())]);
        unlike.Invoking(t => t.call(zeros(4, 2)).For("a")).Should().Throw<ArgumentException>().WithMessage("*stage 0*one shape*[4, 2]*[4, 3]*");
        using var wrong = new CrossStitch(["a", "b"], () => [Linear(2, 2)], perChannel: true, widths: [3]);
        wrong.Invoking(t => t.call(zeros(4, 2)).For("a")).Should().Throw<ArgumentException>().WithMessage("Stage 0*3 channels*[4, 2]*");
        using var right = new CrossStitch(["a", "b"], () => [Linear(2, 2)]);
        right.Invoking(t => t.call(zeros(4, 2)).For("z")).Should().Throw<KeyNotFoundException>().WithMessage("*'z'*'a', 'b'*");
    }
}
