using FluentAssertions;
using MultiTask.Sharing;
using MultiTask.Tests.Contracts;
using MultiTask.Tests.Fixtures;
using TorchSharp;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace MultiTask.Tests.Sharing;

public sealed class MTLoRATests : IDisposable
{
    private static readonly string[] Names = ["a", "b", "c"];
    private readonly DisposeScope scope = NewDisposeScope();

    public MTLoRATests() => manual_seed(12);

    public void Dispose() => scope.Dispose();

    [Fact]
    public void A_dense_layer_adds_a_shared_and_a_tasks_own_update()
    {
        using var trunk = new MTLoRA(["a", "b"], Numbers.Times(2, 3), rank: 1, sharedRank: 1, scale: 0.5);
        Numbers.Set(trunk.Named("shared.linear.a"), tensor(new[] { 1.0, 10 }, [1, 2]));
        Numbers.Set(trunk.Named("shared.linear.b"), tensor(new[] { 2.0, 4 }, [2, 1]));
        Numbers.Set(trunk.Named("own.a.linear.a"), tensor(new[] { 1.0, 0 }, [1, 2]));
        Numbers.Set(trunk.Named("own.a.linear.b"), tensor(new[] { 6.0, 8 }, [2, 1]));
        var z = trunk.call(Numbers.Row(1, 1));
        z.For("a").Values().Should().Equal(2 + 11 + 3, 3 + 22 + 4);
        z.For("b").Values().Should().Equal(2 + 11, 3 + 22);
    }

    [Theory]
    [InlineData(0, 0)]
    [InlineData(0, 3)]
    [InlineData(5, 0)]
    [InlineData(5, 3)]
    public void It_starts_as_the_backbone_and_with_rank_0_it_is_the_backbone(int rank, int sharedRank)
    {
        var backbone = (Module<Tensor, Tensor>)TrunkContract.Tower().Module;
        var x = randn([5, 2], ScalarType.Float64);
        var before = backbone.call(x).Values();
        using var trunk = new MTLoRA(Names, backbone, rank, sharedRank);
        Names.Should().AllSatisfy(task => trunk.call(x).For(task).Values().Should().Equal(before));
        trunk.TaskParameters("a").Should().HaveCount(rank == 0 ? 0 : 4);
        trunk.SharedParameters().Should().HaveCount(sharedRank == 0 ? 4 : 8);
        (trunk.call(x).Shared is null).Should().Be(rank > 0, "without updates of their own, tasks share one representation");
    }

    /// <summary>Its updates never came in, and nobody said so.</summary>
    [Fact]
    public void A_layer_that_does_not_run_by_call_is_refused()
    {
        using var trunk = new MTLoRA(Names, new Sidestep());
        trunk.Invoking(t => t.call(randn(3, 4)).For("a")).Should().Throw<InvalidOperationException>().WithMessage("*first pass*'fc'*");
    }

    /// <summary>A layer under two names got both updates at each use.</summary>
    [Fact]
    public void A_layer_that_is_used_twice_has_one_update()
    {
        var layer = Linear(4, 4);
        using var trunk = new MTLoRA(Names, Sequential(("first", layer), ("again", layer)));
        trunk.TaskParameters("a").Should().HaveCount(2);
    }

    [Fact]
    public void A_merged_weight_gives_the_same()
    {
        using var trunk = new MTLoRA(Names, TrunkContract.Tower(), rank: 2, sharedRank: 3);
        Numbers.Spread(trunk);
        using var merged = new HardSharing(TrunkContract.Tower());
        foreach (var layer in new[] { "0", "2" })
        {
            Tensor Update(string which) => trunk.Named($"{which}.{layer}.b").matmul(trunk.Named($"{which}.{layer}.a")) * 2;
            Numbers.Set(merged.Named($"encoder.{layer}.weight"), trunk.Named($"backbone.{layer}.weight") + Update("shared") + Update("own.b"));
            Numbers.Set(merged.Named($"encoder.{layer}.bias"), trunk.Named($"backbone.{layer}.bias"));
        }

        var x = randn([5, 2], ScalarType.Float64);
        trunk.call(x).For("b").Values().Should().Equal(merged.call(x).For("b").Values(), (p, q) => Math.Abs(p - q) < 1e-12);
        trunk.call(x).For("a").Values().Should().NotEqual(trunk.call(x).For("b").Values());
    }

    [Fact]
    public void A_frozen_backbone_learns_nothing_and_its_updates_do()
    {
        using var trunk = new MTLoRA(Names, Sequential(Linear(2, 4), BatchNorm1d(4), Linear(4, 4)), frozen: true);
        trunk.train();
        trunk.call(randn(5, 2)).For("b").square().sum().backward();
        trunk.SharedParameters().Where(p => p.requires_grad).Should().HaveCount(4).And.OnlyContain(p => p.HasGradient());
        trunk.TaskParameters("b").Should().OnlyContain(p => p.HasGradient());
        trunk.TaskParameters("a").Should().OnlyContain(p => !p.HasGradient());
        trunk.named_parameters().Where(p => p.name.StartsWith("backbone", StringComparison.Ordinal)).Should().OnlyContain(p => !p.parameter.requires_grad && !p.parameter.HasGradient());
        trunk.state_dict()["backbone.1.running_mean"].Values().Should().OnlyContain(v => v == 0);
    }

    [Fact]
    public void Updates_dense_layers_behind_convolutions_and_within_modules_of_the_callers()
    {
        using var trunk = new MTLoRA(["a", "b"], Sequential(Conv2d(1, 2, 3), Flatten(), Sequential(Linear(18, 4))));
        Numbers.Spread(trunk);
        var x = randn(3, 1, 5, 5);
        trunk.call(x).For("a").Values().Should().NotEqual(trunk.call(x).For("b").Values());
        trunk.state_dict().Keys.Should().Contain(["backbone.2.0.weight", "shared.2_0.a", "own.a.2_0.b"]);
    }

    [Fact]
    public void Refuses_what_makes_no_sense()
    {
        FluentActions.Invoking(() => new MTLoRA(Names, Linear(2, 2), rank: -1)).Should().Throw<ArgumentOutOfRangeException>().WithMessage("*`rank`*non-negative*-1*");
        FluentActions.Invoking(() => new MTLoRA(Names, Linear(2, 2), sharedRank: -2)).Should().Throw<ArgumentOutOfRangeException>().WithMessage("*`sharedRank`*-2*");
        FluentActions.Invoking(() => new MTLoRA(Names, Linear(2, 2), scale: 0)).Should().Throw<ArgumentOutOfRangeException>().WithMessage("*`scale`*positive*0*");
        FluentActions.Invoking(() => new MTLoRA(Names, Conv2d(1, 2, 3))).Should().Throw<ArgumentException>().WithMessage("*at least one Linear*none*");
        using var trunk = new MTLoRA(Names, Linear(2, 2));
        trunk.Invoking(t => t.call(zeros(4, 2)).For("z")).Should().Throw<KeyNotFoundException>().WithMessage("*'z'*");
    }

    private sealed class Sidestep : Module<Tensor, Tensor>
    {
        private readonly TorchSharp.Modules.Linear fc = Linear(4, 4);

        public Sidestep()
            : base(nameof(Sidestep)) => RegisterComponents();

        public override Tensor forward(Tensor input) => functional.linear(input, fc.weight!, fc.bias);
    }
}
