using FluentAssertions;
using MultiTask.Balancing;
using MultiTask.Data;
using MultiTask.Sharing;
using TorchSharp;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace MultiTask.Tests.Training;

/// <summary>What does not fit is found before the first step: nothing has changed, and the message names the task.</summary>
public sealed class FirstBatchTests : IDisposable
{
    private readonly DisposeScope scope = NewDisposeScope();
    private readonly MultiTaskDataset data = Rig.Data();

    public void Dispose()
    {
        scope.Dispose();
        data.Dispose();
    }

    [Fact]
    public void A_task_that_the_model_has_not() =>
        Refused(new MultiTaskDataset(data.Inputs, [("a", data.Targets["a"]), ("d", data.Targets["a"])]).Batches(4), "*'a', 'b', 'c'*Found 'd'*");

    [Fact]
    public void Targets_of_another_shape() =>
        Refused(With("a", zeros(12, 3, ScalarType.Float64)), "Task 'a'*[4, 1]*[4, 3]*");

    [Fact]
    public void Targets_of_another_type()
    {
        Refused(With("a", zeros(12, ScalarType.Int64)), "Task 'a'*floating point*Int64*");
        Refused(With("c", zeros(12, ScalarType.Float64)), "Task 'c'*Int64*Found Float64*");
    }

    [Fact]
    public void A_class_out_of_range() => Refused(With("c", full([12], 3L, ScalarType.Int64)), "Task 'c': classes should be from 0 to 2*Found 3*");

    [Fact]
    public void An_infinite_label() => Refused(With("b", full([12], double.PositiveInfinity, ScalarType.Float64)), "Task 'b'*finite*");

    [Fact]
    public void Inputs_of_another_width_or_type()
    {
        Refused(new MultiTaskDataset(zeros(12, 5, ScalarType.Float64), data.Targets).Batches(4), "Task 'a'*training data*Float64 [4, 5] on cpu*");
        Refused(new MultiTaskDataset(zeros(12, 4, ScalarType.Float32), data.Targets).Batches(4), "Task 'a'*training data*Float32 [4, 4]*");
    }

    [Fact]
    public void Inputs_that_one_task_s_adapter_cannot_read()
    {
        using var model = new MultiTaskModel(new HardSharing(Rig.Encoder()),
        [
            LearningTask.Regression("a", Linear(6, 1), adapter: Linear(4, 4)),
            LearningTask.Regression("b", Linear(6, 1), adapter: Linear(3, 4)),
        ]).to(ScalarType.Float64);
        using var trainer = new Trainer(model, new EqualWeights(), Rig.Sgd());
        trainer.Invoking(t => t.Fit(new MultiTaskDataset(data.Inputs, [("a", data.Targets["a"]), ("b", data.Targets["b"])]).Batches(4)))
            .Should().Throw<ArgumentException>().WithMessage("Task 'b'*[4, 4]*");
    }

    [Fact]
    public void The_validation_data_are_looked_at_as_well()
    {
        using var model = Rig.Model();
        using var trainer = new Trainer(model, new EqualWeights(), Rig.Sgd());
        trainer.Invoking(t => t.Fit(data.Batches(4), With("a", zeros(12, ScalarType.Int64)))).Should().Throw<ArgumentException>().WithMessage("Task 'a'*");
        trainer.Invoking(t => t.Fit(data.Batches(4), new MultiTaskDataset(zeros(12, 5, ScalarType.Float64), data.Targets).Batches(4)))
            .Should().Throw<ArgumentException>().WithMessage("*validation data*");
        trainer.Invoking(t => t.Evaluate(new MultiTaskDataset(data.Inputs, [("d", data.Targets["a"])]).Batches(4))).Should().Throw<ArgumentException>().WithMessage("*'d'*");
    }

    [Fact]
    public void Data_without_a_batch()
    {
        Refused(new Batches(Rig.Tasks, _ => []), "*training data*at least one batch*none*");
        using var model = Rig.Model();
        using var trainer = new Trainer(model, new EqualWeights(), Rig.Sgd());
        var source = new Batches(Rig.Tasks, e => e < 2 ? [() => data.Batches(12).Epoch(e).Single()] : []);
        trainer.Invoking(t => t.Fit(source, options: new() { Steps = 10 })).Should().Throw<InvalidOperationException>().WithMessage("*at least one batch*epoch 2*");
    }

    [Fact]
    public void Options_out_of_range()
    {
        foreach (var (options, message) in new (TrainerOptions, string)[]
        {
            (new() { Epochs = 0 }, "`Epochs`*at least 1*Found 0*"),
            (new() { Steps = 0 }, "`Steps`*at least 1*Found 0*"),
            (new() { AccumulateBatches = 0 }, "`AccumulateBatches`*at least 1*"),
            (new() { ClipGradientNorm = 0 }, "`ClipGradientNorm`*positive*"),
            (new() { ClipGradientNorm = double.NaN }, "`ClipGradientNorm`*positive*NaN*"),
            (new() { Patience = 0 }, "`Patience`*at least 1*"),
            (new() { AccumulateBatches = 2, BalanceAt = BalanceAt.Representation }, "`AccumulateBatches`*representation*"),
        })
        {
            Refused(data.Batches(4), message, options);
        }
    }

    [Fact]
    public void Balancing_at_representations_that_do_not_fit()
    {
        using var model = new MultiTaskModel(new UnlikeShapes(), [LearningTask.Regression("a", Linear(8, 1)), LearningTask.Regression("b", Linear(4, 1))]).to(ScalarType.Float64);
        var both = new MultiTaskDataset(data.Inputs, [("a", data.Targets["a"]), ("b", data.Targets["b"])]).Batches(4);
        Refused(both, "*one shape*[4, 8]*'a'*[4, 4]*'b'*shared parameters*", new() { BalanceAt = BalanceAt.Representation }, model);

        using var adapted = new MultiTaskModel(new HardSharing(Rig.Encoder()), [LearningTask.Regression("a", Linear(6, 1), adapter: Linear(4, 4))]).to(ScalarType.Float64);
        Refused(new MultiTaskDataset(data.Inputs, [("a", data.Targets["a"])]).Batches(4), "*adapters*", new() { BalanceAt = BalanceAt.Representation }, adapted);
        Refused(new Together([data.Batches(4), data.Batches(3)]), "*several parts*", new() { BalanceAt = BalanceAt.Representation });
    }

    /// <summary>The first batch of sources read in turns is of the first source: the others were found at the second step.</summary>
    [Fact]
    public void Every_source_of_several_is_looked_at()
    {
        Refused(new RoundRobin([data.Batches(4), With("a", zeros(12, ScalarType.Int64))], EpochLength.SumOfBatches), "Task 'a'*floating point*Int64*");
        Refused(new RoundRobin([data.Batches(4), new Together([data.Batches(4), With("c", full([12], 3L, ScalarType.Int64))])], EpochLength.SumOfBatches), "Task 'c'*Found 3*");
    }

    /// <summary>Only the first part of later batches was trained on.</summary>
    [Fact]
    public void Balancing_at_the_representation_refuses_parts_in_any_batch()
    {
        var source = new Batches(Rig.Tasks, e => [() => data.Batches(12).Epoch(e).Single(), () => new Together([data.Batches(12), data.Batches(12)]).Epoch(e).First()]);
        using var model = Rig.Model();
        using var trainer = new Trainer(model, new PCGrad(), Rig.Adam());
        trainer.Invoking(t => t.Fit(source, options: new() { BalanceAt = BalanceAt.Representation })).Should().Throw<ArgumentException>().WithMessage("*several parts*");
    }

    [Fact]
    public void Inputs_of_too_many_tensors() =>
        Refused(new MultiTaskDataset([data.Inputs[0], data.Inputs[0]], data.Targets).Batches(4), "Task 'a'*training data*one tensor*");

    private BatchSource With(string task, Tensor target) =>
        new MultiTaskDataset(data.Inputs, data.Targets.Map((t, own) => t == task ? target : own)).Batches(4);

    private static void Refused(BatchSource source, string message, TrainerOptions? options = null, MultiTaskModel? model = null)
    {
        using var own = model is null ? Rig.Model(batchNorm: true) : null;
        using var trainer = new Trainer(model ?? own!, new PCGrad(), Rig.Adam());
        string Bits() => Rig.Bits(trainer.Model) + Rig.Bits(trainer.Balancer) + Rig.Bits(trainer.Optimizer);
        var before = Bits();
        LiveTensors.ShouldStayTheSame(() => trainer.Invoking(t => t.Fit(source, options: options)).Should().Throw<ArgumentException>().WithMessage(message));
        Bits().Should().Be(before);
        trainer.Model.parameters().All(p => p.grad is null).Should().BeTrue();
    }

    /// <summary>Gives task "a" twice as many features as the others.</summary>
    private sealed class UnlikeShapes() : Trunk(nameof(UnlikeShapes))
    {
        public override IEnumerable<TorchSharp.Modules.Parameter> SharedParameters() => [];

        public override Representation forward(Inputs input) => new(task => task == "a" ? cat([input[0], input[0]], 1) : input[0]);
    }
}
