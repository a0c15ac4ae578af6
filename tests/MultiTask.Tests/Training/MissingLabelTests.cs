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

/// <summary>A task without a label in a step is absent from it.</summary>
public sealed class MissingLabelTests
{
    [Fact]
    public void A_batch_without_any_label_is_skipped_and_counted()
    {
        using var scope = NewDisposeScope();
        using var data = With((t, labels) => labels[..4] = Missing(t));
        using var model = Rig.Model(batchNorm: true);
        using var balancer = new RLW();
        using var trainer = new Trainer(model, balancer, Rig.Adam());
        var reports = new List<StepReport>();
        var history = trainer.Fit(data.Batches(4, shuffle: false), options: new() { Epochs = 1, Callbacks = [new Hook(step: (_, r) => reports.Add(r))] });
        history.Epochs.Single().SkippedSteps.Should().Be(1);
        history.Epochs.Single().Steps.Should().Be(2);
        reports.Select(r => (r.Step, r.Skipped, r.Fault is null)).Should().Equal((1, true, true), (1, false, true), (2, false, true));

        using var twin = Rig.Model(batchNorm: true);
        using var rest = data.Subset(Enumerable.Range(4, 8));
        using var other = new Trainer(twin, new RLW(), Rig.Adam());
        other.Fit(rest.Batches(4, shuffle: false), options: new() { Epochs = 1 });
        Rig.Bits(model).Should().Be(Rig.Bits(twin));
    }

    [Theory]
    [InlineData("equal")]
    [InlineData("PCGrad")]
    [InlineData("uncertainty")]
    public void The_head_of_an_absent_task_and_what_the_optimizer_knows_of_it_stay(string kind)
    {
        using var scope = NewDisposeScope();
        using var data = With((t, labels) =>
        {
            if (t == "a")
            {
                labels[4..8] = Missing(t);
            }
        });
        using var model = Rig.Model();
        using Balancer balancer = kind == "equal" ? new EqualWeights() : kind == "PCGrad" ? new PCGrad() : new UncertaintyWeighting(model.Tasks.Values);
        using var trainer = new Trainer(model, balancer, p => optim.Adam(p, 0.02, weight_decay: 0.1));
        var heads = new List<(string A, string B)>();
        var tasks = new List<IReadOnlyList<string>>();
        var callback = new Hook(step: (t, report) =>
        {
            heads.Add((State(t, "a"), State(t, "b")));
            tasks.Add(report.Losses.Tasks);
            report.Labels.Tasks.Should().Equal(report.Losses.Tasks);
        });
        trainer.Fit(data.Batches(4, shuffle: false), options: new() { Epochs = 1, Callbacks = [callback] });
        tasks.Select(t => t.Count).Should().Equal(3, 2, 3);
        tasks[1].Should().Equal("b", "c");
        heads[1].A.Should().Be(heads[0].A, "no momentum, no decay, no step counted");
        heads[1].B.Should().NotBe(heads[0].B);
        heads[2].A.Should().NotBe(heads[1].A);
    }

    [Fact]
    public void Labels_are_counted_and_losses_are_means_over_them()
    {
        using var data = Rig.Data(samples: 30, missing: 0.4);
        using var model = Rig.Model();
        using var still = new Trainer(model, new EqualWeights(), p => optim.SGD(p, 0));
        var whole = still.Evaluate(data.Batches(30, shuffle: false));
        foreach (var size in new[] { 1, 4, 7, 30 })
        {
            var report = still.Fit(data.Batches(size), data.Batches(size), new() { Epochs = 1 }).Epochs.Single();
            foreach (var (task, expected) in whole.Tasks)
            {
                foreach (var found in new[] { report.Train[task], report.Validation![task] })
                {
                    found.Labels.Should().Be(data.LabelCounts[task]);
                    found.Loss.Should().BeApproximately(expected.Loss, 1e-12);
                }
            }

            report.Train.TotalLoss.Should().BeApproximately(whole.TotalLoss, 1e-12);
        }
    }

    [Fact]
    public void With_weights_the_loss_of_an_evaluation_is_that_of_all_data_at_once_too()
    {
        using var data = Rig.Data(samples: 30, missing: 0.3);
        using var scope = NewDisposeScope();
        using var weighted = new MultiTaskDataset(data.Inputs, data.Targets, [("b", arange(30, dtype: ScalarType.Float64).remainder(4)), ("c", arange(30, dtype: ScalarType.Float64) + 1)]);
        manual_seed(1);
        LearningTask[] tasks = [LearningTask.Regression("a", Linear(6, 1), weight: 3), LearningTask.Regression("b", Linear(6, 1)), LearningTask.Classification("c", Linear(6, 3), classWeights: [0.1, 1, 5])];
        using var model = new MultiTaskModel(new HardSharing(Rig.Encoder()), tasks).to(ScalarType.Float64);
        using var still = new Trainer(model, new EqualWeights(), p => optim.SGD(p, 0));
        var expected = model.Losses(new MultiTaskBatch(weighted.Inputs, weighted.Targets, weighted.Weights)).Map((_, loss) => loss.ToDouble());
        foreach (var size in new[] { 1, 4, 30 })
        {
            var report = still.Fit(weighted.Batches(size), weighted.Batches(size), new() { Epochs = 1 }).Epochs.Single();
            foreach (var (task, loss) in expected)
            {
                report.Train[task].Loss.Should().BeApproximately(loss, 1e-12, "{0} in batches of {1}", task, size);
                report.Validation![task].Loss.Should().BeApproximately(loss, 1e-12);
            }

            report.Train.TotalLoss.Should().BeApproximately((3 * expected["a"]) + expected["b"] + expected["c"], 1e-12);
        }
    }

    [Fact]
    public void A_task_whose_labels_all_weigh_nothing_is_absent()
    {
        using var data = Rig.Data();
        using var scope = NewDisposeScope();
        using var none = new MultiTaskDataset(data.Inputs, data.Targets, [("a", zeros(12, ScalarType.Float64))]);
        using var model = Rig.Model();
        using var trainer = new Trainer(model, new EqualWeights(), Rig.Sgd());
        trainer.Fit(none.Batches(6), none.Batches(6), new() { Epochs = 1 }).Epochs.Single().Train.Tasks.Tasks.Should().Equal("b", "c");
        using var all = new MultiTaskDataset(data.Inputs, data.Targets, data.Targets.Map((_, _) => zeros(12, ScalarType.Float64)));
        trainer.Invoking(t => t.Fit(all.Batches(6))).Should().Throw<InvalidOperationException>().WithMessage("*no batch had a label*");
    }

    [Fact]
    public void A_task_that_the_model_has_and_the_data_have_not_is_no_trouble()
    {
        using var data = Rig.Data();
        using var some = new MultiTaskDataset(data.Inputs, [("b", data.Targets["b"])]);
        using var model = Rig.Model();
        using var trainer = new Trainer(model, new PCGrad(), Rig.Adam());
        var head = Rig.Bits(model.Tasks["a"].Head);
        trainer.Fit(some.Batches(4), some.Batches(4), new() { Epochs = 2 }).BestFor("a").Should().BeNull();
        Rig.Bits(model.Tasks["a"].Head).Should().Be(head);
    }

    [Fact]
    public void Sequences_count_by_tokens()
    {
        using var scope = NewDisposeScope();
        manual_seed(1);
        var tokens = tensor(new long[] { 1, 2, 3, -100, 2, 0, -100, -100, 3, 1, 2, 0 }, [3, 4]);
        using var model = new MultiTaskModel(
            new HardSharing(Sequential(Embedding(4, 5), Tanh())),
            [LearningTask.TokenTagging("tags", Linear(5, 4), classWeights: [1, 2, 3, 4]), LearningTask.LanguageModeling("words", Linear(5, 4))]);
        using var data = new MultiTaskDataset(tokens.clamp_min(0), [("tags", tokens), ("words", tokens)], [("words", tensor(new[] { 1.0, 2, 3 })), ("tags", tensor(new[] { 1.0, 2, 3 }))]);
        using var still = new Trainer(model, new MGDA(), p => optim.SGD(p, 0));
        var expected = model.Losses(new MultiTaskBatch(data.Inputs, data.Targets, data.Weights)).Map((_, loss) => loss.ToDouble());
        foreach (var (size, accumulate) in new[] { (1, 1), (1, 3), (2, 1) })
        {
            var report = still.Fit(data.Batches(size), data.Batches(size), new() { Epochs = 1, AccumulateBatches = accumulate }).Epochs.Single();
            report.Train.Tasks.Select(t => (t.Task, t.Value.Labels)).Should().Equal(("tags", 9), ("words", 6));
            foreach (var (task, loss) in expected)
            {
                report.Train[task].Loss.Should().BeApproximately(loss, 1e-6);
                report.Validation![task].Loss.Should().BeApproximately(loss, 1e-6);
            }
        }
    }

    private static Tensor Missing(string task) =>
        task == "c" ? full([4], MissingLabels.Class, ScalarType.Int64) : full([4], MissingLabels.Value, ScalarType.Float64);

    private static MultiTaskDataset With(Action<string, Tensor> change)
    {
        using var data = Rig.Data();
        return new(data.Inputs.Map(t => t.clone()), data.Targets.Map((task, labels) =>
        {
            var copy = labels.clone();
            change(task, copy);
            return copy;
        }));
    }

    private static string State(Trainer trainer, string task)
    {
        using var scope = NewDisposeScope();
        var optimizer = (OptimizerHelper)trainer.Optimizer;
        var own = trainer.Model.TaskParameters(task).Select(p => p.Handle).ToHashSet();
        var states = optimizer.ParamGroups.Cast<ParamGroup>().SelectMany(g => g.Parameters)
            .Zip(optimizer.state_dict().State, (p, s) => (p, s))
            .Where(x => own.Contains(x.p.Handle))
            .Select(x => (Adam.State)x.s);
        return Rig.Bits(trainer.Model.Tasks[task].Head) + string.Join(";", states.Select(s => $"{s.step} {Rig.Hash(s.exp_avg.bytes.ToArray())}"));
    }
}
