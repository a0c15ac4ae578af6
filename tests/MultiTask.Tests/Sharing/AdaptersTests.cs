using FluentAssertions;
using MultiTask.Balancing;
using MultiTask.Sharing;
using MultiTask.Tests.Contracts;
using MultiTask.Tests.Fixtures;
using TorchSharp;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace MultiTask.Tests.Sharing;

public sealed class AdaptersTests : IDisposable
{
    private static readonly string[] Names = ["a", "b", "c"];
    private readonly DisposeScope scope = NewDisposeScope();

    public AdaptersTests() => manual_seed(10);

    public void Dispose() => scope.Dispose();

    [Fact]
    public void An_adapter_adds_to_its_stage_through_a_bottleneck()
    {
        using var trunk = new Adapters(["a", "b"], [Numbers.Times(2), Numbers.Times(3)], bottleneck: 1);
        foreach (var l in new[] { 0, 1 })
        {
            Numbers.Set(trunk.Named($"adapters.a.{l}.down.weight"), tensor(0.5));
            Numbers.Set(trunk.Named($"adapters.a.{l}.down.bias"), tensor(0.1));
            Numbers.Set(trunk.Named($"adapters.a.{l}.up.weight"), tensor(4.0));
            Numbers.Set(trunk.Named($"adapters.a.{l}.up.bias"), tensor(-0.2));
        }

        static double Adapted(double h) => h + (4 * functional.gelu(tensor((0.5 * h) + 0.1)).item<double>()) - 0.2;
        trunk.call(Numbers.Row(1)).For("a").item<double>().Should().BeApproximately(Adapted(3 * Adapted(2)), 1e-12);
    }

    [Fact]
    public void It_starts_next_to_hard_sharing()
    {
        using var trunk = new Adapters(Names, Numbers.Stages(), bottleneck: 3);
        using var hard = new HardSharing(TrunkContract.Tower());
        Numbers.Copy(trunk.SharedParameters(), hard.parameters());
        var x = randn([5, 2], ScalarType.Float64);
        trunk.call(x).For("b").Values().Should().Equal(hard.call(x).For("b").Values(), (p, q) => Math.Abs(p - q) < 1e-4);
        var w = trunk.Named("adapters.b.0.down.weight").Values();
        w.Should().OnlyContain(v => Math.Abs(v) <= 2.0001e-3 && v != 0);
        trunk.Named("adapters.b.0.down.bias").Values().Should().OnlyContain(v => v == 0);
    }

    [Fact]
    public void A_frozen_stack_stays_as_it_is()
    {
        using var trunk = new Adapters(Names, [Sequential(Linear(2, 4), BatchNorm1d(4)), Linear(4, 4)], bottleneck: 2, frozen: true);
        using var model = new MultiTaskModel(trunk, Names.Select(t => LearningTask.Regression(t, Linear(4, 1))));
        model.train();
        trunk.SharedParameters().Should().HaveCount(6).And.OnlyContain(p => !p.requires_grad, "balancers pass over what is frozen");
        trunk.TaskParameters("a").Should().HaveCount(8);
        var before = trunk.state_dict().Where(s => s.Key.StartsWith("stages", StringComparison.Ordinal)).Select(s => s.Value.Values()).ToArray();
        using var optimizer = optim.SGD(model.parameters().Where(p => p.requires_grad).ToList(), 0.1);
        using var balancer = new MGDA();
        var x = randn(6, 2);
        balancer.Backward(model.Losses(model.call(x), TaskMap.Create(Names.Select(t => (t, randn(6))))), model.SharedParameters());
        optimizer.step();
        trunk.state_dict().Where(s => s.Key.StartsWith("stages", StringComparison.Ordinal)).Select(s => s.Value.Values()).Should().BeEquivalentTo(before, o => o.WithStrictOrdering());
        trunk.TaskParameters("a").Should().OnlyContain(p => p.HasGradient());
    }

    [Fact]
    public void Adapts_images_and_sequences()
    {
        using var images = new Adapters(["a", "b"], [Conv2d(1, 3, 3), Conv2d(3, 2, 3)], bottleneck: 2);
        images.call(randn(2, 1, 7, 7)).For("a").shape.Should().Equal(2, 2, 3, 3);
        using var sequences = new Adapters(["a", "b"], [Embedding(10, 6), Linear(6, 5)], bottleneck: 2, channelDimension: -1);
        sequences.call(zeros([2, 4], ScalarType.Int64)).For("a").shape.Should().Equal(2, 4, 5);
    }

    [Fact]
    public void Refuses_what_makes_no_sense()
    {
        FluentActions.Invoking(() => new Adapters(Names, Numbers.Stages(), bottleneck: 0)).Should().Throw<ArgumentOutOfRangeException>().WithMessage("*`bottleneck`*at least 1*0*");
        FluentActions.Invoking(() => new Adapters(Names, [], bottleneck: 2)).Should().Throw<ArgumentException>().WithMessage("*at least 1 stage*");
        using var wrong = new Adapters(Names, [Linear(2, 2)], bottleneck: 2, widths: [3]);
        wrong.Invoking(t => t.call(zeros(4, 2)).For("a")).Should().Throw<ArgumentException>().WithMessage("*3 channels*[4, 2]*");
    }
}
