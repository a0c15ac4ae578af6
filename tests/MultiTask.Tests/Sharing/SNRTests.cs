using FluentAssertions;
using MultiTask.Sharing;
using MultiTask.Tests.Fixtures;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace MultiTask.Tests.Sharing;

public sealed class SNRTests : IDisposable
{
    private static readonly string[] Names = ["a", "b"];
    private readonly DisposeScope scope = NewDisposeScope();

    public SNRTests() => manual_seed(5);

    public void Dispose() => scope.Dispose();

    [Fact]
    public void Sub_networks_and_tasks_read_weighted_sums_of_those_below()
    {
        using var trunk = Scaled(new SNR(Names, 2, Expert.Stack));
        trunk.eval();
        var x = tensor(new[] { 0.0, 1 }).reshape(1, 2);
        // Off, on, and ½ (log α = 0).
        trunk.Set("routes.between.0", 20, -20, 0, 0);
        trunk.Set("routes.tasks.a", 20, 20);
        trunk.Set("routes.tasks.b", 0, -20);
        double upper0 = 100 * 1, upper1 = 1000 * 0.5 * (1 + 10);
        trunk.call(x).For("a").Values()[1].Should().BeApproximately(upper0 + upper1, 1e-9);
        trunk.call(x).For("b").Values()[1].Should().BeApproximately(0.5 * upper0, 1e-9);
        var mixtures = trunk.Mixtures(x);
        mixtures.Select(m => m.Name).Should().Equal("between.0", "tasks");
        mixtures[0].Values.Cast<double>().Should().Equal([1, 0, 0.5, 0.5], (p, q) => Math.Abs(p - q) < 1e-12);
        mixtures[0].Rows.Should().Equal("layers.1.0", "layers.1.1");
    }

    [Fact]
    public void Connections_may_transform()
    {
        using var trunk = Scaled(new SNR(Names, 2, Expert.Stack, Expert.Stack, strength: 0));
        trunk.eval();
        trunk.Set("routes.between.0", 20, -20, 20, 20);
        trunk.Set("routes.tasks.a", -20, 20);
        trunk.Scale("stacks.between.0.1.0.weight", 3);
        trunk.Scale("stacks.between.0.1.1.weight", 4);
        trunk.Scale("stacks.ends.a.1.weight", 7);
        trunk.call(tensor(new[] { 0.0, 1 }).reshape(1, 2)).For("a").Values()[1].Should().BeApproximately(7 * 1000.0 * (3 + (4 * 10)), 1e-9);
        trunk.Penalty().Should().BeNull();
        trunk.TaskParameters("a").Should().HaveCount(3, "two connections and what is learned about them");
    }

    [Fact]
    public void At_evaluation_what_no_task_reads_does_not_run()
    {
        var ran = new List<int>();
        var made = 0;
        using var trunk = new SNR(["a"], 3, () => [Heard(), Heard()]);
        Module<Tensor, Tensor> Heard()
        {
            var number = made++;
            var layer = Linear(2, 2, dtype: ScalarType.Float64);
            layer.register_forward_hook((_, _, output) =>
            {
                ran.Add(number);
                return output;
            });
            return layer;
        }

        trunk.Set("routes.between.0", 20, 20, 20, -20, 20, -20, 20, 20, 20);
        trunk.Set("routes.tasks.a", -20, 20, -20);
        trunk.eval();
        trunk.call(randn(2, 2, ScalarType.Float64)).For("a");
        ran.Should().Equal([2, 3], "the second of each layer: numbers go by stack");

        trunk.Set("routes.tasks.a", -20, -20, -20);
        trunk.call(randn(2, 2, ScalarType.Float64)).For("a").Values().Should().Equal(0, 0, 0, 0);
    }

    [Fact]
    public void In_training_connections_are_drawn_and_reach_their_parameters()
    {
        using var trunk = new SNR(Names, 3, Expert.Stack);
        var x = randn(4, 2, ScalarType.Float64);
        manual_seed(1);
        var first = trunk.call(x).For("a").Values();
        trunk.call(x).For("a").Values().Should().NotEqual(first);
        manual_seed(1);
        var again = trunk.call(x);
        again.For("a").Values().Should().Equal(first, "draws are torch's");
        (again.For("a") + again.For("b")).square().sum().backward();
        trunk.parameters().Should().OnlyContain(p => p.HasGradient());
    }

    [Fact]
    public void The_penalty_is_the_expected_number_of_connections()
    {
        using var trunk = new SNR(Names, 2, Expert.Stack, strength: 0.5);
        trunk.Set("routes.between.0", 50, 50, 50, -50);
        trunk.Set("routes.tasks.a", -50, -50);
        trunk.Set("routes.tasks.b", -50, 50);
        trunk.Penalty()!.item<double>().Should().BeApproximately(0.5 * 4, 1e-9);
        trunk.Penalty()!.backward();
        trunk.MixingParameters().Should().OnlyContain(p => p.HasGradient());
    }

    [Fact]
    public void Draws_are_0_and_1_as_often_as_they_should()
    {
        var logAlpha = full([20_000], 0.3, ScalarType.Float64);
        var z = HardConcrete.Sample(logAlpha).Values();
        z.Should().OnlyContain(v => v >= 0 && v <= 1).And.Contain(1.0).And.Contain(v => v > 0 && v < 1);
        var on = HardConcrete.ProbabilityOn(logAlpha)[0].item<double>();
        ((double)z.Count(v => v > 0) / z.Length).Should().BeApproximately(on, 4 * Math.Sqrt(on * (1 - on) / z.Length));
        HardConcrete.Typical(zeros(1, ScalarType.Float64)).item<double>().Should().BeApproximately(0.5, 1e-12);
    }

    [Fact]
    public void Convolutional_layers_are_routed_as_feature_maps()
    {
        using var trunk = new SNR(Names, 2, () => [Conv2d(1, 3, 3), Conv2d(3, 2, 3)], () => [Conv2d(3, 3, 1), Flatten()]);
        trunk.call(randn(4, 1, 6, 6)).For("a").shape.Should().Equal(4, 8);
    }

    [Fact]
    public void Refuses_arguments_that_make_no_sense()
    {
        FluentActions.Invoking(() => new SNR(Names, 0, Expert.Stack)).Should().Throw<ArgumentOutOfRangeException>().WithMessage("`width` should be at least 1. Found 0.*");
        FluentActions.Invoking(() => new SNR(Names, 2, Expert.Stack, strength: -1)).Should().Throw<ArgumentOutOfRangeException>().WithMessage("`strength`*Found -1.*");
        FluentActions.Invoking(() => new SNR(Names, 2, Expert.Stack, () => [Expert.Plain()])).Should().Throw<ArgumentException>().WithMessage("`connections` should make 2 layers on each call. It made 1.*");
        FluentActions.Invoking(() => new SNR(Names, 2, null!)).Should().Throw<ArgumentNullException>();
    }

    private static SNR Scaled(SNR trunk)
    {
        trunk.Scale("stacks.layers.0.0.weight", 1);
        trunk.Scale("stacks.layers.0.1.weight", 10);
        trunk.Scale("stacks.layers.1.0.weight", 100);
        trunk.Scale("stacks.layers.1.1.weight", 1000);
        return trunk;
    }
}
