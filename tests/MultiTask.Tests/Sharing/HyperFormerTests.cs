using FluentAssertions;
using MultiTask.Balancing;
using MultiTask.Sharing;
using MultiTask.Tests.Contracts;
using MultiTask.Tests.Fixtures;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace MultiTask.Tests.Sharing;

public sealed class HyperFormerTests : IDisposable
{
    private static readonly string[] Names = ["a", "b", "c"];
    private readonly DisposeScope scope = NewDisposeScope();

    public HyperFormerTests() => manual_seed(15);

    public void Dispose() => scope.Dispose();

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void An_adapter_is_what_task_and_stage_make_of_it(bool layerNorm)
    {
        using var trunk = new HyperFormer(["a", "b"], Numbers.Stages(), bottleneck: 2, embedding: 3, hidden: 5, projected: 6, layerNorm);
        Numbers.Spread(trunk);
        var x = randn([4, 2], ScalarType.Float64);
        foreach (var task in new[] { "a", "b" })
        {
            var h = x;
            for (var l = 0; l < 2; l++)
            {
                h = (h.matmul(trunk.Named($"stages.{l}.0.weight").t()) + trunk.Named($"stages.{l}.0.bias")).tanh();
                var (down, up, norm) = Made(trunk, task, l, layerNorm);
                var added = functional.gelu(h.matmul(down.W.t()) + down.B).matmul(up.W.t()) + up.B;
                if (norm is var (scale, shift))
                {
                    var mean = added.mean([1], keepdim: true);
                    var variance = (added - mean).square().mean([1], keepdim: true);
                    added = ((added - mean) / (variance + 1e-5).sqrt() * scale.reshape(4)) + shift;
                }

                h += added;
            }

            trunk.call(x).For(task).Values().Should().Equal(h.Values(), (p, q) => Math.Abs(p - q) < 1e-12);
        }
    }

    [Fact]
    public void With_the_weights_that_it_makes_the_trunk_is_that_of_adapters()
    {
        using var trunk = new HyperFormer(Names, Numbers.Stages(), bottleneck: 3, embedding: 4, hidden: 5, projected: 6, layerNorm: false);
        Numbers.Spread(trunk);
        using var adapters = new Adapters(Names, Numbers.Stages(), bottleneck: 3);
        foreach (var (name, parameter) in adapters.named_parameters().Where(p => p.name.StartsWith("stages", StringComparison.Ordinal)))
        {
            Numbers.Set(parameter, trunk.Named(name));
        }

        foreach (var task in Names)
        {
            for (var l = 0; l < 2; l++)
            {
                var (down, up, _) = Made(trunk, task, l, layerNorm: false);
                Numbers.Set(adapters.Named($"adapters.{task}.{l}.down.weight"), down.W);
                Numbers.Set(adapters.Named($"adapters.{task}.{l}.down.bias"), down.B);
                Numbers.Set(adapters.Named($"adapters.{task}.{l}.up.weight"), up.W);
                Numbers.Set(adapters.Named($"adapters.{task}.{l}.up.bias"), up.B);
            }
        }

        var x = randn([5, 2], ScalarType.Float64);
        Names.Should().AllSatisfy(task =>
            trunk.call(x).For(task).Values().Should().Equal(adapters.call(x).For(task).Values(), (p, q) => Math.Abs(p - q) < 1e-12));
        trunk.call(x).For("a").Values().Should().NotEqual(trunk.call(x).For("b").Values());
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void It_starts_near_hard_sharing(bool layerNorm)
    {
        // One stage; scale and shift are made from a code of length √64 by weights of 0.01: 0.08 each, hence 0.11 with the normalised sum.
        Sequential Stage() => (Sequential)Sequential(Linear(20, 50), Tanh()).to(ScalarType.Float64);
        using var trunk = new HyperFormer(Names, [Stage()], bottleneck: 8, layerNorm: layerNorm);
        using var hard = new HardSharing(Stage());
        Numbers.Copy(trunk.SharedParameters(), hard.parameters()); // the stages come first
        var x = randn([100, 20], ScalarType.Float64);
        var apart = (trunk.call(x).For("b") - hard.call(x).For("b")).square().mean().sqrt().item<double>();
        apart.Should().BeInRange(0.04, layerNorm ? 0.15 : 0.11);
        trunk.Named("projector.first.bias").Values().Should().OnlyContain(v => v == 0);
        trunk.Named("hypernetworks.50.up.weight.weight").std().item<double>().Should().BeApproximately(0.01, 5e-4);
    }

    [Fact]
    public void The_embedding_is_all_that_is_a_tasks_own()
    {
        using var trunk = new HyperFormer(Names, Numbers.Stages(), bottleneck: 2, embedding: 7);
        trunk.call(randn([5, 2], ScalarType.Float64)).For("b").square().sum().backward();
        trunk.TaskParameters("b").Should().ContainSingle().Which.shape.Should().Equal(7);
        trunk.TaskParameters("b").Concat(trunk.SharedParameters()).Should().OnlyContain(p => p.HasGradient());
        trunk.TaskParameters("a").Concat(trunk.TaskParameters("c")).Should().OnlyContain(p => !p.HasGradient());
    }

    [Fact]
    public void Stages_of_one_width_have_one_hypernetwork()
    {
        using var same = new HyperFormer(["a"], [Linear(2, 4), Linear(4, 4), Linear(4, 6), Linear(6, 4)], bottleneck: 2);
        same.state_dict().Keys.Where(key => key.StartsWith("hypernetworks", StringComparison.Ordinal)).Select(key => key.Split('.')[1]).Distinct().Should().Equal("4", "6");
        same.state_dict().Keys.Should().Contain(["embeddings.a.weight", "places.3.weight", "projector.norm.weight", "hypernetworks.6.norm.bias.weight"]);
        same.call(randn(3, 2)).For("a").shape.Should().Equal(3, 4);
    }

    [Fact]
    public void A_frozen_stack_stays_as_it_is_and_balancers_have_the_rest()
    {
        using var trunk = new HyperFormer(Names, [Sequential(Linear(2, 4), BatchNorm1d(4)), Linear(4, 4)], bottleneck: 2, frozen: true);
        using var model = new MultiTaskModel(trunk, Names.Select(t => LearningTask.Regression(t, Linear(4, 1))));
        model.train();
        double[][] Stack() => [.. trunk.state_dict().Where(s => s.Key.StartsWith("stages", StringComparison.Ordinal)).Select(s => s.Value.Values())];
        var (before, shared) = (Stack(), model.SharedParameters().Select(p => p.Values()).ToArray());
        using var optimizer = optim.SGD(model.parameters().Where(p => p.requires_grad).ToList(), 0.1);
        using var balancer = new MGDA();
        var x = randn(6, 2);
        balancer.Backward(model.Losses(model.call(x), TaskMap.Create(Names.Select(t => (t, randn(6))))), model.SharedParameters());
        optimizer.step();
        Stack().Should().BeEquivalentTo(before, o => o.WithStrictOrdering());
        model.SharedParameters().Zip(shared).Should().OnlyContain(p => !p.First.Values().SequenceEqual(p.Second));
    }

    [Theory]
    [InlineData(ScalarType.Float32)]
    [InlineData(ScalarType.Float64)]
    public void Adapts_images_and_sequences(ScalarType dtype)
    {
        using var images = new HyperFormer(["a", "b"], [Conv2d(1, 3, 3, dtype: dtype), Conv2d(3, 2, 3, dtype: dtype)], bottleneck: 2);
        var z = images.call(randn([2, 1, 7, 7], dtype)).For("a");
        z.shape.Should().Equal(2, 2, 3, 3);
        z.dtype.Should().Be(dtype);
        images.parameters().Should().OnlyContain(p => p.dtype == dtype);
        using var sequences = new HyperFormer(["a", "b"], [Embedding(10, 6, dtype: dtype), Linear(6, 5, dtype: dtype)], bottleneck: 2, channelDimension: -1);
        sequences.call(zeros([2, 4], ScalarType.Int64)).For("a").shape.Should().Equal(2, 4, 5);
    }

    [Fact]
    public void Refuses_what_makes_no_sense()
    {
        FluentActions.Invoking(() => new HyperFormer(Names, Numbers.Stages(), bottleneck: 0)).Should().Throw<ArgumentOutOfRangeException>().WithMessage("*`bottleneck`*at least 1*0*");
        FluentActions.Invoking(() => new HyperFormer(Names, Numbers.Stages(), 2, embedding: 0)).Should().Throw<ArgumentOutOfRangeException>().WithMessage("*`embedding`*0*");
        FluentActions.Invoking(() => new HyperFormer(Names, Numbers.Stages(), 2, hidden: -1)).Should().Throw<ArgumentOutOfRangeException>().WithMessage("*`hidden`*-1*");
        FluentActions.Invoking(() => new HyperFormer(Names, Numbers.Stages(), 2, projected: 0)).Should().Throw<ArgumentOutOfRangeException>().WithMessage("*`projected`*0*");
        FluentActions.Invoking(() => new HyperFormer(Names, [], bottleneck: 2)).Should().Throw<ArgumentException>().WithMessage("*at least 1 stage*");
        using var wrong = new HyperFormer(Names, [Linear(2, 2)], bottleneck: 2, widths: [3]);
        wrong.Invoking(t => t.call(zeros(4, 2)).For("a")).Should().Throw<ArgumentException>().WithMessage("*3 channels*[4, 2]*");
        using var trunk = new HyperFormer(Names, [Linear(2, 2)], bottleneck: 2);
        trunk.Invoking(t => t.call(zeros(4, 2)).For("z")).Should().Throw<KeyNotFoundException>().WithMessage("*'z'*");
    }

    /// <summary>The weights for a task after a stage of width 4, from the trunk's parameters alone.</summary>
    private static ((Tensor W, Tensor B) Down, (Tensor W, Tensor B) Up, (Tensor W, Tensor B)? Norm) Made(HyperFormer trunk, string task, int stage, bool layerNorm)
    {
        Tensor Affine(string name, Tensor x) => trunk.Named($"{name}.weight").mv(x) + trunk.Named($"{name}.bias");
        var hidden = Affine("projector.first", cat([trunk.Named($"embeddings.{task}.weight"), trunk.Named($"places.{stage}.weight")], 0)).clamp_min(0);
        var raw = Affine("projector.second", hidden);
        var spread = (raw - raw.mean()).square().mean();
        var code = ((raw - raw.mean()) / (spread + 1e-6).sqrt() * trunk.Named("projector.norm.weight")) + trunk.Named("projector.norm.bias");
        (Tensor W, Tensor B) Pair(string name)
        {
            var bias = Affine($"hypernetworks.4.{name}.bias", code);
            return (Affine($"hypernetworks.4.{name}.weight", code).reshape(bias.shape[0], -1), bias);
        }

        return (Pair("down"), Pair("up"), layerNorm ? Pair("norm") : null);
    }
}
