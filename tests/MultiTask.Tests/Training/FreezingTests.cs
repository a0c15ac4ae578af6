using FluentAssertions;
using MultiTask.Balancing;
using MultiTask.Sharing;
using MultiTask.Tests.Contracts;
using MultiTask.Tests.Fixtures;
using MultiTask.Tests.Sharing;
using MultiTask.Training;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace MultiTask.Tests.Training;

/// <summary>What is frozen stays as it is, to the bit, and the rest trains: with every balancer.</summary>
public sealed class FreezingTests : IDisposable
{
    private readonly DisposeScope scope = NewDisposeScope();

    public static TheoryData<Type> Balancers => Concrete.TheoryOf<Balancer>();

    public void Dispose() => scope.Dispose();

    [Fact]
    public void Freezing_takes_gradients_and_training_mode_away_and_unfreezing_lets_them_come_back()
    {
        using var model = Rig.Model(dropout: true, batchNorm: true);
        var x = randn(6, 4, dtype: ScalarType.Float64);
        model.call(x).Values.Aggregate(zeros(1, ScalarType.Float64), (sum, o) => sum + o.sum()).sum().backward();
        model.Trunk.Freeze();
        model.Trunk.parameters().Should().OnlyContain(p => !p.requires_grad && !p.HasGradient());
        model.Trunk.modules().Should().OnlyContain(m => !m.training);

        model.train();
        model.training.Should().BeTrue();
        model.Trunk.training.Should().BeFalse();
        model.Trunk.modules().Should().OnlyContain(m => !m.training, "what is frozen stays in evaluation mode");
        model.Tasks["a"].Head.training.Should().BeTrue();
        var before = Rig.Bits(model);
        model.call(x);
        Rig.Bits(model).Should().Be(before, "statistics stay");

        model.Trunk.Unfreeze();
        model.Trunk.parameters().Should().OnlyContain(p => p.requires_grad);
        model.train();
        model.Trunk.modules().Should().OnlyContain(m => m.training);
    }

    [Fact]
    public void A_part_of_a_trunk_can_be_frozen_by_hand_and_the_rest_of_it_is_in_training_mode()
    {
        using var model = Rig.Model(dropout: true, batchNorm: true);
        var encoder = (Sequential)model.Trunk.children().Single();
        var norm = model.modules().OfType<BatchNorm1d>().Single();
        foreach (var parameter in norm.parameters())
        {
            parameter.requires_grad = false;
        }

        model.train();
        norm.training.Should().BeFalse();
        encoder.modules().Where(m => m != norm).Should().OnlyContain(m => m.training);
        model.Trunk.eval();
        model.Trunk.train();
        norm.training.Should().BeFalse("a trunk in a loop of one's own, too");
        model.eval();
        model.modules().Should().OnlyContain(m => !m.training);
    }

    [Theory]
    [MemberData(nameof(Balancers))]
    public void A_frozen_layer_stays_and_the_others_train(Type type) => Train(type, BalanceAt.SharedParameters, model => [model.Trunk.children().Single().children().First(), Norm(model)]);

    [Theory]
    [MemberData(nameof(Balancers))]
    public void A_frozen_trunk_stays_and_the_heads_train(Type type) => Train(type, BalanceAt.SharedParameters, model => [model.Trunk]);

    [Theory]
    [InlineData(typeof(UncertaintyWeighting))]
    [InlineData(typeof(GradDrop))]
    [InlineData(typeof(PCGrad))]
    [InlineData(typeof(MGDA))]
    public void At_the_representation_as_well(Type type)
    {
        Train(type, BalanceAt.Representation, model => [model.Trunk.children().Single().children().First(), Norm(model)]);
        Train(type, BalanceAt.Representation, model => [model.Trunk]);
    }

    [Fact]
    public void Where_all_is_frozen_the_message_says_so()
    {
        using var data = Rig.Data();
        using var model = Rig.Model();
        model.Freeze();
        using var trainer = new Trainer(model, new EqualWeights(), Rig.Sgd());
        trainer.Invoking(t => t.Fit(data.Batches(4))).Should().Throw<ArgumentException>().WithMessage("Task 'a'*depend on a parameter that requires a gradient*frozen*");
    }

    private static BatchNorm1d Norm(MultiTaskModel model) => model.modules().OfType<BatchNorm1d>().Single();

    private static void Train(Type type, BalanceAt at, Func<MultiTaskModel, nn.Module[]> freeze)
    {
        using var data = Rig.Data();
        using var model = Rig.Model(batchNorm: true);
        using var balancer = Concrete.Balancer(type, Rig.Tasks, () => model.Losses(data.Batches(12, shuffle: false).Epoch(0).First()), model.parameters());
        var frozen = freeze(model);
        using var trainer = new Trainer(model, balancer, p => optim.AdamW(p, 0.01, weight_decay: 0.1));
        trainer.Fit(data.Batches(6), options: new() { Epochs = 1, BalanceAt = at });
        Array.ForEach(frozen, Freezing.Freeze);
        if (balancer.RemembersGradients)
        {
            balancer.Reset();
        }

        var before = frozen.Select(Rig.Bits).ToArray();
        var others = Rig.State(model);
        trainer.Fit(data.Batches(6), options: new() { Epochs = 1, BalanceAt = at });

        frozen.Select(Rig.Bits).Should().Equal(before, "moments and weight decay of the optimizer do not move it either");
        frozen.SelectMany(m => m.parameters()).Should().OnlyContain(p => !p.HasGradient());
        Rig.State(model).Count(s => !s.Value.SequenceEqual(others[s.Key])).Should().BeGreaterThanOrEqualTo(2, "the rest trains");
        model.parameters().SelectMany(p => p.Values()).Should().OnlyContain(v => double.IsFinite(v));
    }
}
