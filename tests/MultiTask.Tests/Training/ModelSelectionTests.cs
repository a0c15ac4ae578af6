using FluentAssertions;
using MultiTask.Balancing;
using MultiTask.Data;
using MultiTask.Training;
using TorchSharp;
using static TorchSharp.torch;

namespace MultiTask.Tests.Training;

/// <summary>Which epoch is best, when a run stops early, and what the model ends with.</summary>
public sealed class ModelSelectionTests : IDisposable
{
    private readonly MultiTaskDataset train = Rig.Data();
    private readonly MultiTaskDataset validation = Rig.Data(samples: 10, seed: 2);

    public void Dispose()
    {
        train.Dispose();
        validation.Dispose();
    }

    [Fact]
    public void The_default_is_the_total_validation_loss()
    {
        var history = Fit(new() { Epochs = 15 });
        history.Epochs.Should().OnlyContain(e => e.Score == -e.Validation!.TotalLoss);
        history.Best.Should().Be(history.Epochs.MinBy(e => e.Validation!.TotalLoss));
        history.Epochs.Where(e => e.IsBest).Select(e => e.Score).Should().BeInAscendingOrder();
    }

    /// <summary>Selection looked among the metrics of the kind, and so refused the task's own.</summary>
    [Fact]
    public void A_metric_of_the_task_s_own_counts()
    {
        var own = LearningTask.Regression("a", TorchSharp.torch.nn.Linear(6, 1), metrics: () => [new MultiTask.Metrics.MeanAbsoluteError()]);
        using var model = (MultiTaskModel)new MultiTaskModel(new MultiTask.Sharing.HardSharing(Rig.Encoder()), [own]).to(ScalarType.Float64);
        using var trainer = new Trainer(model, new EqualWeights(), Rig.Sgd());
        using var data = new MultiTaskDataset(train.Inputs, [("a", train.Targets["a"])]);

        var history = trainer.Fit(data.Batches(4), data.Batches(4, shuffle: false), new() { Epochs = 3, Selection = ModelSelection.Metric("a", "mae") });

        history.Epochs.Should().OnlyContain(e => e.Score == -e.Validation!["a"]["mae"]);
        trainer.Invoking(t => t.Fit(data.Batches(4), data.Batches(4), new() { Selection = ModelSelection.Metric("a", "rmse") })).Should().Throw<ArgumentException>().WithMessage("*'rmse'*Found 'mae'*");
    }

    [Theory]
    [InlineData("a", "rmse", -1)]
    [InlineData("a", "r2", 1)]
    [InlineData("c", "accuracy", 1)]
    [InlineData("c", "log_loss", -1)]
    public void A_metric_counts_in_its_direction(string task, string metric, int sign)
    {
        var history = Fit(new() { Epochs = 8, Selection = ModelSelection.Metric(task, metric) });
        history.Epochs.Should().OnlyContain(e => e.Score == sign * e.Validation![task][metric]);
        history.Best!.Score.Should().Be(history.Epochs.Max(e => e.Score));
    }

    [Fact]
    public void The_mean_relative_improvement_is_that_over_the_baseline()
    {
        using var model = Rig.Model();
        using var trainer = new Trainer(model, new EqualWeights(), Rig.Sgd());
        var baseline = trainer.Evaluate(validation.Batches(10));
        var history = trainer.Fit(train.Batches(6), validation.Batches(10), new() { Epochs = 5, Selection = ModelSelection.MeanRelativeImprovement(baseline) });
        var last = history.Epochs[^1];
        double Change(string task, string metric, int sign) => sign * (last.Validation![task][metric] - baseline[task][metric]) / Math.Abs(baseline[task][metric]);
        last.Score.Should().BeApproximately((Change("a", "rmse", -1) + Change("b", "rmse", -1) + Change("c", "accuracy", 1)) / 3, 1e-12);
    }

    [Fact]
    public void Any_function_of_the_report_will_do_and_ties_go_to_the_first()
    {
        double[] scores = [double.NaN, 2, 1, double.NaN, 2, double.NegativeInfinity, 3, 3];
        var history = Fit(new() { Epochs = 8, Selection = ModelSelection.By(r => scores[r.Epoch]) });
        history.Epochs.Select(e => e.IsBest).Should().Equal(false, true, false, false, false, false, true, false);
        history.Best!.Epoch.Should().Be(6);
        history.Epochs.Select(e => e.Score).Should().Equal(scores);
    }

    [Fact]
    public void A_run_of_scores_that_are_no_numbers_has_no_best_and_keeps_its_last_weights()
    {
        using var model = Rig.Model();
        var last = "";
        var history = Fit(new() { Epochs = 5, Patience = 3, Selection = ModelSelection.By(_ => double.NaN), Callbacks = [new Hook(epoch: (t, _) => last = Rig.Bits(t.Model))] }, model);
        history.Best.Should().BeNull();
        history.Epochs.Should().HaveCount(3);
        history.Stopped.Should().Be(StopReason.EarlyStopping);
        Rig.Bits(model).Should().Be(last);
    }

    [Theory]
    [InlineData(1, 4)]
    [InlineData(2, 5)]
    [InlineData(3, 9)]
    [InlineData(9, 10)]
    public void Patience_is_so_many_epochs_without_a_better_one(int patience, int epochs)
    {
        double[] scores = [1, 2, 3, 3, 2, 4, 1, 4, 0, 5];
        var history = Fit(new() { Epochs = 10, Patience = patience, Selection = ModelSelection.By(r => scores[r.Epoch]) });
        history.Epochs.Should().HaveCount(epochs);
        history.Stopped.Should().Be(epochs < 10 ? StopReason.EarlyStopping : StopReason.Completed);
    }

    [Fact]
    public void The_model_ends_with_all_of_its_best_state_or_with_its_last()
    {
        foreach (var restore in new[] { true, false })
        {
            using var model = Rig.Model(batchNorm: true);
            var states = new List<string>();
            var history = Fit(
                new() { Epochs = 6, RestoreBest = restore, Selection = ModelSelection.By(r => -Math.Abs(r.Epoch - 2)), Callbacks = [new Hook(epoch: (t, _) => states.Add(Rig.Bits(t.Model)))] },
                model);
            history.Best!.Epoch.Should().Be(2);
            states.Should().OnlyHaveUniqueItems();
            states[0].Should().Contain("running_mean");
            Rig.Bits(model).Should().Be(states[restore ? 2 : 5]);
        }
    }

    [Fact]
    public void The_restored_model_reaches_what_its_best_epoch_reported()
    {
        using var model = Rig.Model(batchNorm: true);
        using var trainer = new Trainer(model, new PCGrad(), Rig.Adam(0.3));
        var history = trainer.Fit(train.Batches(6), validation.Batches(4), new() { Epochs = 20 });
        history.Best!.Epoch.Should().BeLessThan(19, "the step is too large for the last to be best");
        trainer.Evaluate(validation.Batches(4)).TotalLoss.Should().Be(history.Best.Validation!.TotalLoss);
    }

    [Fact]
    public void Without_validation_data_nothing_is_selected()
    {
        using var model = Rig.Model();
        using var trainer = new Trainer(model, new EqualWeights(), Rig.Sgd());
        var last = "";
        var history = trainer.Fit(train.Batches(4), options: new() { Epochs = 3, Callbacks = [new Hook(epoch: (t, _) => last = Rig.Bits(t.Model))] });
        history.Epochs.Should().OnlyContain(e => e.Validation == null && double.IsNaN(e.Score) && !e.IsBest);
        history.Best.Should().BeNull();
        history.BestFor("a").Should().BeNull();
        Rig.Bits(model).Should().Be(last);
    }

    [Fact]
    public void Each_task_has_a_best_epoch_of_its_own()
    {
        var history = Fit(new() { Epochs = 12 });
        foreach (var task in Rig.Tasks)
        {
            history.BestFor(task).Should().Be(history.Epochs.MinBy(e => e.Validation![task].Loss));
        }

        history.BestFor("none").Should().BeNull();
    }

    /// <summary>NaN is less than every number in .NET's order, so it once was the lowest loss.</summary>
    [Fact]
    public void A_loss_that_is_no_number_is_not_the_best()
    {
        using var scope = NewDisposeScope();
        using var data = Rig.Data();
        using var model = Rig.Model();
        var epoch = 0;
        var bad = new Batches(["a"], _ => [() => new(data.Inputs.Map(t => epoch == 1 ? t * double.NaN : t.clone()), [("a", data.Targets["a"].clone())])]);
        using var trainer = new Trainer(model, new EqualWeights(), Rig.Sgd());
        var history = trainer.Fit(data.Batches(6), bad, new() { Epochs = 3, Callbacks = [new Hook(epoch: (_, _) => epoch++)] });
        history.Epochs[1].Validation!["a"].Loss.Should().Be(double.NaN);
        history.Epochs[1].IsBest.Should().BeFalse();
        history.BestFor("a")!.Epoch.Should().NotBe(1);
    }

    [Fact]
    public void What_is_not_there_to_select_by_is_found_before_the_first_step()
    {
        using var model = Rig.Model();
        var before = Rig.Bits(model);
        Refused(ModelSelection.Metric("d", "rmse"), "*'d'*Found 'a', 'b', 'c'*");
        Refused(ModelSelection.Metric("a", "accuracy"), "*'a'*'accuracy'*Found 'rmse', 'mae', 'r2'*");
        using var one = new MultiTaskDataset(validation.Inputs, [("a", validation.Targets["a"])]);
        using var trainer = new Trainer(model, new EqualWeights(), Rig.Sgd());
        foreach (var selection in new[] { ModelSelection.MeanRelativeImprovement(trainer.Evaluate(validation.Batches(10))), ModelSelection.Metric("b", "rmse") })
        {
            trainer.Invoking(t => t.Fit(train.Batches(4), one.Batches(4), new() { Selection = selection })).Should().Throw<ArgumentException>().WithMessage("*'b'*Found 'a'*");
        }

        trainer.Invoking(t => t.Fit(train.Batches(4), options: new() { Patience = 2 })).Should().Throw<ArgumentException>().WithMessage("`Patience`*validation*");
        Rig.Bits(model).Should().Be(before);

        void Refused(ModelSelection selection, string message) => FluentActions.Invoking(() => Fit(new() { Selection = selection }, model))
            .Should().Throw<ArgumentException>().WithMessage(message);
    }

    private TrainingHistory Fit(TrainerOptions options, MultiTaskModel? model = null)
    {
        using var own = model is null ? Rig.Model() : null;
        using var trainer = new Trainer(model ?? own!, new EqualWeights(), Rig.Sgd());
        return trainer.Fit(train.Batches(4), validation.Batches(10), options);
    }
}
