using FluentAssertions;
using MultiTask.Balancing;
using MultiTask.Data;
using MultiTask.Training;
using static TorchSharp.torch;
using static TorchSharp.torch.optim.lr_scheduler;

namespace MultiTask.Tests.Training;

/// <summary>Learning rates, epoch by epoch or step by step.</summary>
public sealed class ScheduleTests : IDisposable
{
    private readonly MultiTaskDataset data = Rig.Data();

    public void Dispose() => data.Dispose();

    [Fact]
    public void A_schedule_by_epochs_moves_after_each()
    {
        var (steps, epochs) = Rates(new() { Epochs = 3, Schedule = o => StepLR(o, 1, 0.5) });
        steps.Should().Equal(1, 1, 1, 0.5, 0.5, 0.5, 0.25, 0.25, 0.25);
        epochs.Should().Equal(1, 0.5, 0.25);
    }

    [Fact]
    public void A_schedule_by_steps_moves_after_each_and_a_report_has_the_rate_of_the_last_step()
    {
        var (steps, epochs) = Rates(new() { Epochs = 2, Schedule = o => StepLR(o, 1, 0.5), ScheduleClock = ScheduleClock.Step });
        steps.Should().Equal(1, 0.5, 0.25, 0.125, 0.0625, 0.03125);
        epochs.Should().Equal(0.25, 0.03125);
    }

    [Fact]
    public void A_step_that_is_skipped_does_not_move_it()
    {
        using var scope = NewDisposeScope();
        var empty = data.Targets.Map((t, labels) => (t == "c" ? full_like(labels, -100) : full_like(labels, double.NaN))[..4]);
        var source = new Batches(Rig.Tasks, _ =>
        [
            () => new(data.Inputs.Map(t => t[..4].clone()), data.Targets.Map((_, t) => t[..4].clone())),
            () => new(data.Inputs.Map(t => t[..4].clone()), empty.Map((_, t) => t.clone())),
            () => new(data.Inputs.Map(t => t[4..].clone()), data.Targets.Map((_, t) => t[4..].clone())),
        ]);
        Rates(new() { Epochs = 1, Schedule = o => StepLR(o, 1, 0.5), ScheduleClock = ScheduleClock.Step }, source).Steps.Should().Equal(1, 0.5);
    }

    [Fact]
    public void A_plateau_is_one_of_the_score()
    {
        double[] scores = [-3, -2, -2, -2, -1, -1, -1, double.NaN];
        var (_, epochs) = Rates(new() { Epochs = 8, Schedule = o => ReduceLROnPlateau(o, factor: 0.5, patience: 1), Selection = ModelSelection.By(r => scores[r.Epoch]), RestoreBest = false });
        epochs.Should().Equal(1, 1, 1, 1, 0.5, 0.5, 0.5, 0.25);
    }

    [Fact]
    public void A_plateau_of_scores_above_0_is_seen_in_the_mode_that_the_docs_say()
    {
        var (_, epochs) = Rates(new() { Epochs = 4, Schedule = o => ReduceLROnPlateau(o, factor: 0.5, patience: 0, threshold_mode: "abs"), Selection = ModelSelection.By(_ => 0.9) });
        epochs.Should().Equal(1, 1, 0.5, 0.25);
    }

    [Fact]
    public void A_score_that_is_no_number_is_no_improvement()
    {
        var (_, epochs) = Rates(new() { Epochs = 4, Schedule = o => ReduceLROnPlateau(o, factor: 0.5, patience: 0), Selection = ModelSelection.By(_ => double.NaN) });
        epochs.Should().Equal(1, 0.5, 0.25, 0.125);
    }

    [Fact]
    public void A_plateau_of_what_is_never_measured_is_refused_before_the_first_step()
    {
        using var model = Rig.Model();
        using var trainer = new Trainer(model, new EqualWeights(), Rig.Sgd());
        var before = Rig.Bits(model);
        trainer.Invoking(t => t.Fit(data.Batches(4), options: new() { Schedule = o => ReduceLROnPlateau(o) }))
            .Should().Throw<ArgumentException>().WithMessage("`Schedule`*validation*ReduceLROnPlateau*");
        trainer.Invoking(t => t.Fit(data.Batches(4), data.Batches(4), new() { Schedule = o => ReduceLROnPlateau(o), ScheduleClock = ScheduleClock.Step }))
            .Should().Throw<ArgumentException>().WithMessage("`Schedule`*");
        Rig.Bits(model).Should().Be(before);
    }

    private (List<double> Steps, List<double> Epochs) Rates(TrainerOptions options, BatchSource? source = null)
    {
        using var model = Rig.Model();
        using var log = new RateLog();
        using var trainer = new Trainer(model, log, Rig.Sgd(1));
        log.Optimizer = trainer.Optimizer;
        var history = trainer.Fit(source ?? data.Batches(4), data.Batches(12), options);
        return (log.Rates, [.. history.Epochs.Select(e => e.LearningRate)]);
    }

    /// <summary>A small part of the sum of the losses; takes note of the learning rate of each step.</summary>
    private sealed class RateLog() : LossWeighting(nameof(RateLog))
    {
        public List<double> Rates { get; } = [];

        public optim.Optimizer? Optimizer { get; set; }

        public override double[] Weigh(TaskMap<double> losses) => [.. losses.Select(_ => 1e-3)];

        public override void EndStep(Func<TaskMap<Tensor>> losses) => Rates.Add(Optimizer!.ParamGroups.Single().LearningRate);
    }
}
