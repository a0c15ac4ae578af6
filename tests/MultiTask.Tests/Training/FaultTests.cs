using FluentAssertions;
using MultiTask.Balancing;
using MultiTask.Data;
using MultiTask.Sharing;
using MultiTask.Training;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace MultiTask.Tests.Training;

/// <summary>A value that is not finite changes nothing: no parameter, no running statistic, nothing that a balancer remembers.</summary>
public sealed class FaultTests
{
    /// <summary>Labels of "a" that make its loss or its gradient bad.</summary>
    private static readonly Dictionary<string, double> Marks = new() { ["NaN loss"] = 1001, ["infinite loss"] = 1002, ["NaN gradient"] = 1003, ["infinite gradient"] = 1004 };

    public static TheoryData<string, string> Cases
    {
        get
        {
            var cases = new TheoryData<string, string>();
            foreach (var fault in Marks.Keys.Append("NaN input").Append("infinite input"))
            {
                foreach (var balancer in new[] { "equal", "uncertainty", "DWA", "RLW", "PCGrad", "MGDA", "TrimmedMean", "IMTLL(PCGrad)", "DBMTL" })
                {
                    cases.Add(fault, balancer);
                }
            }

            return cases;
        }
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void It_stops_with_an_error_that_names_it_and_changes_nothing(string fault, string balancer)
    {
        foreach (var accumulate in new[] { 1, 2 })
        {
            using var data = Data(fault, sample: 9);
            using var setup = new Setup(balancer);
            var before = setup.Bits;
            var callback = new Hook(step: (_, _) => before = setup.Bits);

            var error = setup.Trainer.Invoking(t => t.Fit(data.Batches(2, shuffle: false), options: new() { AccumulateBatches = accumulate, Callbacks = [callback] }))
                .Should().Throw<NonFiniteException>().Which;

            // The tenth sample is in the fifth batch.
            error.Message.Should().EndWith($"in epoch 0, step {(accumulate == 1 ? 5 : 3)}.");
            error.What.Should().Be(fault.Split(' ')[1]);
            double.IsFinite(error.Value).Should().BeFalse();
            error.Tasks.Should().Contain("a");
            if (!fault.EndsWith("input", StringComparison.Ordinal) && (fault.EndsWith("loss", StringComparison.Ordinal) || balancer != "TrimmedMean"))
            {
                error.Task.Should().Be("a");
            }

            setup.Bits.Should().Be(before);
            setup.Model.parameters().Concat(setup.Balancer.parameters()).All(p => p.grad is null).Should().BeTrue();
        }
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void It_is_skipped_as_if_the_batch_had_never_been_there(string fault, string balancer)
    {
        using var data = Data(fault, sample: 4);
        using var setup = new Setup(balancer);
        var reports = new List<StepReport>();
        var history = setup.Trainer.Fit(data.Batches(3, shuffle: false), options: new()
        {
            Epochs = 2,
            OnNonFinite = NonFinitePolicy.SkipStep,
            Callbacks = [new Hook(step: (_, r) => reports.Add(r))],
        });

        history.Epochs.Select(e => (e.Steps, e.SkippedSteps)).Should().Equal((3, 1), (6, 1));
        history.Epochs.Should().OnlyContain(e => e.Train["a"].Labels == 9 && double.IsFinite(e.Train.TotalLoss));
        reports.Select(r => (r.Step, r.Skipped)).Should().Equal((1, false), (2, true), (2, false), (3, false), (4, false), (5, true), (5, false), (6, false));
        reports.Where(r => r.Skipped).Should().OnlyContain(r => r.Fault!.What == fault.Split(' ', 2)[1] && r.Losses.Count == 0 && r.Labels.Count == 0);
        reports.Where(r => !r.Skipped).Should().OnlyContain(r => r.Fault == null && r.Losses.Count == 3);

        using var rows = data.Subset(Enumerable.Range(0, 12).Except([3, 4, 5]));
        using var twin = new Setup(balancer);
        twin.Trainer.Fit(rows.Batches(3, shuffle: false), options: new() { Epochs = 2 });
        setup.Bits.Should().Be(twin.Bits);
    }

    /// <summary>The penalty on frozen towers needs no gradient, and its backward failed.</summary>
    [Fact]
    public void A_penalty_on_frozen_towers_is_passed_over()
    {
        using var data = Rig.Data();
        using var model = new MultiTaskModel(new MultiTask.Sharing.SoftSharing(Rig.Tasks, () => Rig.Encoder(), new MultiTask.Sharing.L2Distance(1)), Rig.LearningTasks());
        model.to(ScalarType.Float64);
        foreach (var parameter in model.Trunk.parameters())
        {
            parameter.requires_grad = false;
        }

        using var trainer = new Trainer(model, new EqualWeights(), Rig.Sgd());
        trainer.Fit(data.Batches(4), options: new() { Epochs = 1 }).Epochs.Should().HaveCount(1);
    }

    /// <summary>A task with weights that are no number dropped out of the step without a word.</summary>
    [Theory]
    [InlineData(double.NaN)]
    [InlineData(-1)]
    public void Sample_weights_that_are_none_are_refused(double weight)
    {
        using var data = Rig.Data();
        var source = new Batches(Rig.Tasks, e => [() => data.Batches(12).Epoch(e).Single(), () => new MultiTaskBatch(data.Inputs, data.Targets, [("b", full([12], weight, ScalarType.Float64))])]);
        using var model = Rig.Model();
        using var trainer = new Trainer(model, new EqualWeights(), Rig.Sgd());
        trainer.Invoking(t => t.Fit(source)).Should().Throw<ArgumentException>().WithMessage("Task 'b'*sample weights*");
    }

    [Fact]
    public void The_task_is_named_whose_head_has_the_gradient()
    {
        using var data = Data("NaN gradient", sample: 0);
        using var setup = new Setup("equal", headOnly: true);
        setup.Trainer.Invoking(t => t.Fit(data.Batches(12))).Should().Throw<NonFiniteException>().Which.Tasks.Should().Equal("a");
    }

    [Fact]
    public void A_gradient_whose_norm_overflows_is_finite()
    {
        using var data = Rig.Data(dtype: ScalarType.Float32);
        using var model = Rig.Model(dtype: ScalarType.Float32);
        using var huge = new MultiTaskModel(new HardSharing(Rig.Encoder()), [LearningTask.Custom("a", Linear(6, 1), (o, _) => o.sum() * 1e25)]);
        using var only = new MultiTaskDataset(data.Inputs, [("a", data.Targets["a"])]);
        using var trainer = new Trainer(huge, new EqualWeights(), Rig.Sgd(1e-30));
        trainer.Fit(only.Batches(12), options: new() { Steps = 2 }).Epochs.Should().HaveCount(2);
    }

    [Fact]
    public void Large_inputs_are_finite()
    {
        using var scope = NewDisposeScope();
        using var data = new MultiTaskDataset(full([4, 4], 3e38f), [("a", zeros(4)), ("b", zeros(4)), ("c", zeros(4, int64))]);
        using var model = Rig.Model(dtype: ScalarType.Float32);
        using var trainer = new Trainer(model, new EqualWeights(), Rig.Sgd(1e-3));
        trainer.Invoking(t => t.Fit(data.Batches(4), options: new() { Steps = 1 })).Should().NotThrow<NonFiniteException>("their sum overflows, they do not, and tanh takes what they become");
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void A_run_that_can_only_skip_ends(bool bySteps)
    {
        using var data = Rig.Data();
        using var setup = new Setup("equal", always: true);
        var before = setup.Bits;
        setup.Trainer.Invoking(t => t.Fit(data.Batches(4), options: new() { Steps = bySteps ? 100 : null, OnNonFinite = NonFinitePolicy.SkipStep }))
            .Should().Throw<InvalidOperationException>().WithMessage("Every step of epoch 0 was skipped*Task 'a': the loss*NaN*").WithInnerException<NonFiniteException>();
        setup.Bits.Should().Be(before);
    }

    [Fact]
    public void A_class_out_of_range_in_a_later_batch_names_the_task_and_changes_nothing()
    {
        using var good = Rig.Data();
        using var scope = NewDisposeScope();
        var classes = good.Targets["c"].clone();
        classes[10] = 7;
        using var data = new MultiTaskDataset(good.Inputs, [("a", good.Targets["a"]), ("b", good.Targets["b"]), ("c", classes)]);
        foreach (var balancer in new[] { "DWA", "PCGrad" })
        {
            using var setup = new Setup(balancer);
            var before = setup.Bits;
            var callback = new Hook(step: (_, _) => before = setup.Bits);
            setup.Trainer.Invoking(t => t.Fit(data.Batches(2, shuffle: false), options: new() { AccumulateBatches = 2, Callbacks = [callback] }))
                .Should().Throw<ArgumentException>().WithMessage("Task 'c': classes should be from 0 to 2*Found 7*");
            setup.Bits.Should().Be(before);

            setup.Trainer.Invoking(t => t.Fit(good.Batches(4), data.Batches(2, shuffle: false)))
                .Should().Throw<ArgumentException>().WithMessage("Task 'c': classes*", "the validation data have it");
            setup.Trainer.Fit(good.Batches(4), options: new() { Epochs = 1 }).Epochs.Should().HaveCount(1, "the trainer can still train");
        }
    }

    [Fact]
    public void A_balancer_for_other_tasks_is_refused_and_nothing_changes()
    {
        using var data = Rig.Data();
        using var model = Rig.Model(batchNorm: true);
        using var trainer = new Trainer(model, new DWA(["a", "b"]), Rig.Adam());
        var before = Rig.Bits(model) + Rig.Bits(trainer.Optimizer);
        trainer.Invoking(t => t.Fit(data.Batches(4))).Should().Throw<ArgumentException>().WithMessage("DWA was built for*'c'*");
        (Rig.Bits(model) + Rig.Bits(trainer.Optimizer)).Should().Be(before);
    }

    /// <summary>Data in which one sample's label of "a", or its input, is bad.</summary>
    private static MultiTaskDataset Data(string fault, int sample)
    {
        using var data = Rig.Data();
        using var scope = NewDisposeScope();
        var (inputs, a) = (data.Inputs.Single.clone(), data.Targets["a"].clone());
        if (Marks.TryGetValue(fault, out var mark))
        {
            a[sample] = mark;
        }
        else
        {
            inputs[sample, 2] = fault.StartsWith("NaN", StringComparison.Ordinal) ? double.NaN : double.NegativeInfinity;
        }

        scope.Detach(inputs, a);
        using var bad = new MultiTaskDataset(inputs, [("a", a), ("b", data.Targets["b"]), ("c", data.Targets["c"])]);
        return bad.Subset(Enumerable.Range(0, 12));
    }

    private sealed class Setup : IDisposable
    {
        public Setup(string balancer, bool headOnly = false, bool always = false)
        {
            manual_seed(3);
            var tasks = Rig.LearningTasks();
            tasks[0] = LearningTask.Custom("a", headOnly ? new Detached(Linear(6, 1)) : Linear(6, 1), (output, target) => Loss(output, target, always));
            Model = new MultiTaskModel(new HardSharing(Rig.Encoder(batchNorm: true)), tasks).to(ScalarType.Float64);
            Balancer = balancer switch
            {
                "equal" => new EqualWeights(),
                "uncertainty" => new UncertaintyWeighting(tasks),
                "DWA" => new DWA(tasks),
                "RLW" => new RLW(),
                "PCGrad" => new PCGrad(),
                "MGDA" => new MGDA(),
                "TrimmedMean" => new TrimmedMean(),
                "DBMTL" => new DBMTL(tasks),
                _ => new IMTLL(tasks, new PCGrad()),
            };
            Trainer = new(Model, Balancer, Rig.Adam());
        }

        public MultiTaskModel Model { get; }

        public Balancer Balancer { get; }

        public Trainer Trainer { get; }

        public string Bits => string.Join('\n', Rig.Bits(Model), Rig.Bits(Balancer), Rig.Bits(Trainer.Optimizer));

        public void Dispose()
        {
            Trainer.Dispose();
            Balancer.Dispose();
            Model.Dispose();
        }

        private static Tensor Loss(Tensor output, Tensor target, bool always)
        {
            bool Has(double mark) => target.eq(mark).any().ToBoolean();
            var zero = output.squeeze(1) - output.squeeze(1).detach();
            var loss = (output.squeeze(1) - target.remainder(1000)).square().mean();
            return always || Has(1001) ? loss * double.NaN
                : Has(1002) ? loss * double.PositiveInfinity
                : Has(1003) ? loss + zero.square().sqrt().sum()
                : Has(1004) ? loss + zero.sqrt().sum()
                : loss;
        }
    }

    /// <summary>A head whose task does not reach the trunk.</summary>
    private sealed class Detached : Module<Tensor, Tensor>
    {
        private readonly Linear fc;

        public Detached(Linear fc)
            : base(nameof(Detached))
        {
            this.fc = fc;
            RegisterComponents();
        }

        public override Tensor forward(Tensor input) => fc.call(input.detach());
    }

    /// <summary>The step has been made when the balancer finds the fault; it used to end the run without a word of where, whatever the policy.</summary>
    [Fact]
    public void A_fault_that_the_balancer_finds_after_the_step_follows_the_policy()
    {
        using var data = Rig.Data();
        using var model = Rig.Model();
        using var balancer = new LooksBack();
        using var trainer = new Trainer(model, balancer, Rig.Sgd());
        trainer.Invoking(t => t.Fit(data.Batches(4), options: new() { Epochs = 1 }))
            .Should().Throw<NonFiniteException>().WithMessage("*'a'*loss after the step*in epoch 0, step 1.");

        var reports = new List<StepReport>();
        var hook = new Hook(step: (_, report) => reports.Add(report));
        trainer.Fit(data.Batches(4), options: new() { Epochs = 1, OnNonFinite = NonFinitePolicy.SkipStep, Callbacks = [hook] });
        reports.Should().HaveCount(3).And.OnlyContain(r => !r.Skipped && r.Fault != null && r.Losses.Count == 3);
    }

    private sealed class LooksBack() : LossWeighting(nameof(LooksBack))
    {
        public override double[] Weigh(TaskMap<double> losses) => [.. losses.Tasks.Select(_ => 1.0)];

        public override void EndStep(Func<TaskMap<Tensor>> losses) => throw new NonFiniteException("a", "loss after the step", double.NaN);
    }
}
