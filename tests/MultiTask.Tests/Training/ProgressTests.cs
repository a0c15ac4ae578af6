using FluentAssertions;
using MultiTask.Balancing;
using MultiTask.Data;
using MultiTask.Training;
using TorchSharp;
using static TorchSharp.torch;

namespace MultiTask.Tests.Training;

/// <summary>What a run tells, to whom, and in which order.</summary>
public sealed class ProgressTests : IDisposable
{
    private readonly MultiTaskDataset data = Rig.Data();

    public void Dispose() => data.Dispose();

    [Fact]
    public void Callbacks_come_in_order_and_before_progress_and_a_report_after_the_epoch_s_steps()
    {
        using var model = Rig.Model();
        using var trainer = new Trainer(model, new EqualWeights(), Rig.Sgd());
        var log = new List<string>();
        Hook Named(string name) => new((_, r) => log.Add($"{name} step {r.Epoch}.{r.Step}"), (_, r) => log.Add($"{name} epoch {r.Epoch}"));
        var progress = new Logged(p => log.Add(p.Report is null ? $"told {p.Epoch}.{p.Step}/{p.StepsPerEpoch} of {p.Epochs}" : $"told epoch {p.Report.Epoch} at {p.Step}"));
        trainer.Fit(data.Batches(6), data.Batches(12), new() { Epochs = 2, Callbacks = [Named("x"), Named("y")] }, progress);
        log.Should().Equal(
            "x step 0.1", "y step 0.1", "told 0.1/2 of 2",
            "x step 0.2", "y step 0.2", "told 0.2/2 of 2",
            "x epoch 0", "y epoch 0", "told epoch 0 at 2",
            "x step 1.3", "y step 1.3", "told 1.1/2 of 2",
            "x step 1.4", "y step 1.4", "told 1.2/2 of 2",
            "x epoch 1", "y epoch 1", "told epoch 1 at 2");
    }

    [Fact]
    public void Progress_has_losses_and_no_number_of_epochs_where_there_is_none()
    {
        using var model = Rig.Model();
        using var trainer = new Trainer(model, new PCGrad(), Rig.Sgd());
        var told = new Told<TrainingProgress>();
        var source = new Batches(Rig.Tasks, e => [() => data.Batches(12).Epoch(e).Single()]);
        trainer.Fit(source, options: new() { Steps = 2 }, progress: told);
        told.All.Should().OnlyContain(p => p.Epochs == null && p.StepsPerEpoch == null);
        told.All.Select(p => p.Losses.Count).Should().Equal(3, 0, 3, 0);
    }

    [Fact]
    public void A_step_s_report_has_the_losses_before_the_step_and_the_balancer_its_weights()
    {
        using var model = Rig.Model();
        using var scope = NewDisposeScope();
        using var trainer = new Trainer(model, new MGDA(), Rig.Sgd());
        var expected = model.Losses(model.call(data.Inputs), data.Targets).Map((_, l) => l.ToDouble());
        StepReport? found = null;
        trainer.Fit(data.Batches(12, shuffle: false), options: new()
        {
            Steps = 1,
            Callbacks = [new Hook(step: (t, r) =>
            {
                found = r;
                t.Balancer.LastWeights!.Values.Sum().Should().BeApproximately(1, 1e-9);
                t.Balancer.LastGramian!.Count.Should().Be(3);
                t.Model.parameters().All(p => p.grad is not null).Should().BeTrue("callbacks may look at the gradient");
            })],
        });
        found!.Losses.Should().Equal(expected);
        found.Labels.Should().Equal(("a", 12L), ("b", 12L), ("c", 12L));
    }

    [Theory]
    [InlineData(1, 0, 1)]
    [InlineData(3, 1, 3)]
    [InlineData(4, 1, 4)]
    public void A_run_ends_after_the_step_in_which_its_end_was_asked_for(int step, int epochs, int steps)
    {
        using var model = Rig.Model();
        using var trainer = new Trainer(model, new EqualWeights(), Rig.Sgd());
        var done = 0L;
        var callback = new Hook(step: (t, r) =>
        {
            done = r.Step;
            if (r.Step == step)
            {
                t.RequestStop();
            }
        });
        var history = trainer.Fit(data.Batches(6), data.Batches(12), new() { Epochs = 5, Callbacks = [callback] });
        history.Stopped.Should().Be(StopReason.Requested);
        history.Epochs.Should().HaveCount(epochs);
        done.Should().Be(steps);
        trainer.Fit(data.Batches(6), options: new() { Epochs = 2 }).Stopped.Should().Be(StopReason.Completed, "the request was for the run before");
    }

    [Fact]
    public void A_run_ends_after_the_epoch_in_whose_callback_its_end_was_asked_for()
    {
        using var model = Rig.Model();
        using var trainer = new Trainer(model, new EqualWeights(), Rig.Sgd());
        var history = trainer.Fit(data.Batches(6), options: new() { Epochs = 5, Callbacks = [new Hook(epoch: (t, r) => (r.Epoch == 1 ? t.RequestStop : (Action)(() => { }))())] });
        history.Epochs.Should().HaveCount(2);
        history.Stopped.Should().Be(StopReason.Requested);
    }

    [Fact]
    public void A_run_that_is_cancelled_leaves_the_model_after_its_last_whole_step()
    {
        using var model = Rig.Model();
        using var twin = Rig.Model();
        using var trainer = new Trainer(model, new EqualWeights(), Rig.Sgd());
        using var other = new Trainer(twin, new EqualWeights(), Rig.Sgd());
        using var cancellation = new CancellationTokenSource();
        trainer.Invoking(t => t.Fit(data.Batches(4), options: new() { Callbacks = [new Hook(step: (_, r) => (r.Step == 5 ? cancellation.Cancel : (Action)(() => { }))())] }, cancellationToken: cancellation.Token))
            .Should().Throw<OperationCanceledException>().Which.CancellationToken.Should().Be(cancellation.Token);
        other.Fit(data.Batches(4), options: new() { Steps = 5 });
        Rig.Bits(model).Should().Be(Rig.Bits(twin));

        trainer.Invoking(t => t.Fit(data.Batches(4), cancellationToken: cancellation.Token)).Should().Throw<OperationCanceledException>();
        trainer.Invoking(t => t.Evaluate(data.Batches(4), cancellation.Token)).Should().Throw<OperationCanceledException>();
        Rig.Bits(model).Should().Be(Rig.Bits(twin), "a run that is cancelled before it begins does nothing");
    }

    private sealed class Logged(Action<TrainingProgress> log) : IProgress<TrainingProgress>
    {
        public void Report(TrainingProgress value) => log(value);
    }
}
