using FluentAssertions;
using MultiTask.Balancing;
using MultiTask.Data;
using MultiTask.Training;
using static TorchSharp.torch;

namespace MultiTask.Tests.Training;

/// <summary>A run that is stopped anywhere and resumed ends as one that was not: bit by bit, on the CPU.</summary>
[Collection(GlobalRandomNumbers.Name)]
public sealed class ResumeTests : IDisposable
{
    private readonly TemporaryDirectory directory = new();
    private readonly MultiTaskDataset train = Rig.Data(samples: 14, missing: 0.2, dtype: ScalarType.Float32);
    private readonly MultiTaskDataset validation = Rig.Data(samples: 7, seed: 2, dtype: ScalarType.Float32);

    private string File => directory.File("run.ckpt");

    public static TheoryData<string, int> Settings
    {
        get
        {
            var settings = new TheoryData<string, int>();
            foreach (var balancer in new[] { "uncertainty", "DWA", "PCGrad", "RLW", "MGDA", "IMTLL(PCGrad)", "DBMTL", "SDMGrad" })
            {
                settings.Add(balancer, 1);
                settings.Add(balancer, 2);
            }

            return settings;
        }
    }

    public void Dispose()
    {
        directory.Dispose();
        train.Dispose();
        validation.Dispose();
    }

    [Theory]
    [MemberData(nameof(Settings))]
    public void A_run_that_is_cancelled_at_any_step_ends_like_one_that_was_not(string balancer, int accumulate)
    {
        var setting = new Setting(balancer, Options(accumulate, accumulate == 1 ? ScheduleClock.Step : ScheduleClock.Epoch));
        var whole = Whole(setting);
        for (var k = 1; k <= whole.Steps; k++)
        {
            using var cancellation = new CancellationTokenSource();
            var stop = new Hook(step: (_, report) => Cancel(report.Step == k, cancellation));
            using (var first = new Session(setting, 1))
            {
                first.Invoking(s => s.Fit(this, stop, null, cancellation.Token)).Should().Throw<OperationCanceledException>();
            }

            Resumed(setting).Should().Be(whole, "stopped after step {0} of {1}", k, setting);
        }
    }

    [Fact]
    public void A_run_that_is_stopped_again_and_again_ends_like_one_that_was_not()
    {
        var setting = new Setting("IMTLL(PCGrad)", Options(1, ScheduleClock.Step));
        var whole = Whole(setting);
        for (var k = 1; k <= whole.Steps; k++)
        {
            using var cancellation = new CancellationTokenSource();
            var stop = new Hook(step: (_, report) => Cancel(report.Step == k, cancellation));
            using var session = new Session(setting, k == 1 ? 1 : 100 + k);
            if (k > 1)
            {
                session.Trainer.LoadCheckpoint(File);
            }

            session.Invoking(s => s.Fit(this, stop, null, cancellation.Token)).Should().Throw<OperationCanceledException>();
        }

        Resumed(setting).Should().Be(whole);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public void A_run_that_dies_after_a_checkpoint_goes_on_from_it(int accumulate)
    {
        var setting = new Setting("uncertainty", Options(accumulate, ScheduleClock.Epoch) with { Path = null });
        var whole = Whole(setting);
        for (var k = 1; k <= whole.Steps; k++)
        {
            var die = new Hook(step: (trainer, report) => Die(report.Step == k, trainer));
            using (var first = new Session(setting, 1))
            {
                first.Invoking(s => s.Fit(this, die)).Should().Throw<NotSupportedException>();
            }

            Resumed(setting).Should().Be(whole, "died after step {0}", k);
        }

        for (var k = 0; k < 3; k++)
        {
            var die = new Hook(epoch: (trainer, report) => Die(report.Epoch == k, trainer));
            using (var first = new Session(setting, 1))
            {
                first.Invoking(s => s.Fit(this, die)).Should().Throw<NotSupportedException>();
            }

            Resumed(setting).Should().Be(whole, "died after epoch {0}", k);
        }
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_run_that_is_cancelled_while_validating_ends_like_one_that_was_not(bool bySteps)
    {
        var settings = Options(1, ScheduleClock.Epoch);
        var setting = new Setting("DWA", bySteps ? settings with { Steps = 9 } : settings);
        var whole = Whole(setting);
        for (var k = 1; k <= 5; k++)
        {
            using var cancellation = new CancellationTokenSource();
            var reads = 0;
            var slow = new Observed(validation.Batches(3, shuffle: false), () => Cancel(++reads == k, cancellation));
            using (var first = new Session(setting, 1))
            {
                // Read once to check the data, then three batches an epoch.
                first.Invoking(s => s.Fit(this, null, slow, cancellation.Token)).Should().Throw<OperationCanceledException>();
                System.IO.File.Exists(File).Should().BeTrue();
            }

            Resumed(setting).Should().Be(whole, "cancelled at batch {0}", k);
            System.IO.File.Delete(File);
        }

        // Cancelled in the last epoch of all, after its last step.
        using var late = new CancellationTokenSource();
        var batches = 0;
        var last = new Observed(validation.Batches(3, shuffle: false), () => Cancel(++batches == 1 + (3 * (whole.Epochs - 1)) + 2, late));
        using (var first = new Session(setting, 1))
        {
            first.Invoking(s => s.Fit(this, null, last, late.Token)).Should().Throw<OperationCanceledException>();
        }

        Resumed(setting).Should().Be(whole, "an epoch under way always ends, also where all steps are done");
    }

    [Fact]
    public void A_run_whose_end_was_asked_for_can_be_resumed_too()
    {
        var setting = new Setting("RLW", Options(1, ScheduleClock.Step));
        var whole = Whole(setting);
        for (var k = 1; k <= whole.Steps; k++)
        {
            var stop = new Hook(step: (trainer, report) => Stop(report.Step == k, trainer));
            using (var first = new Session(setting, 1))
            {
                first.Fit(this, stop).Stopped.Should().Be(StopReason.Requested);
            }

            Resumed(setting).Should().Be(whole, "asked to stop after step {0}", k);
        }
    }

    [Fact]
    public void A_run_that_is_complete_is_complete_when_resumed_and_can_be_made_longer()
    {
        var setting = new Setting("PCGrad", Options(1, ScheduleClock.Epoch) with { Epochs = 2 });
        using (var first = new Session(setting, 1))
        {
            first.Fit(this);
            using var again = new Session(setting, 2);
            again.Trainer.LoadCheckpoint(File);
            Rig.Text(again.Fit(this)).Should().Be(Rig.Text(new(first.Run(this).Epochs, StopReason.Completed)));
        }

        var longer = setting with { Run = setting.Run with { Epochs = 4 } };
        var whole = Whole(longer);
        using (var first = new Session(setting, 1))
        {
            first.Fit(this);
        }

        Resumed(longer).Should().Be(whole, "the file has the last weights, not the best");
    }

    [Fact]
    public void Early_stopping_counts_on_after_a_stop()
    {
        var setting = new Setting("MGDA", Options(1, ScheduleClock.Epoch) with { Epochs = 40, Patience = 2 });
        var whole = Whole(setting);
        whole.History.Should().StartWith(nameof(StopReason.EarlyStopping));
        using var cancellation = new CancellationTokenSource();
        using (var first = new Session(setting, 1))
        {
            var stop = new Hook(epoch: (_, report) => Cancel(report.Epoch == whole.Epochs - 2, cancellation));
            first.Invoking(s => s.Fit(this, stop, null, cancellation.Token)).Should().Throw<OperationCanceledException>();
        }

        Resumed(setting).Should().Be(whole);
    }

    private static void Cancel(bool now, CancellationTokenSource cancellation)
    {
        if (now)
        {
            cancellation.Cancel();
        }
    }

    private static void Stop(bool now, Trainer trainer)
    {
        if (now)
        {
            trainer.RequestStop();
        }
    }

    private void Die(bool now, Trainer trainer)
    {
        if (now)
        {
            trainer.SaveCheckpoint(File);
            throw new NotSupportedException("dead");
        }
    }

    private RunSetting Options(int accumulate, ScheduleClock clock) => new(3, null, accumulate, clock, 40, File);

    private Outcome Whole(Setting setting)
    {
        using var session = new Session(setting with { Run = setting.Run with { Path = null } }, 1);
        return session.Outcome(session.Fit(this));
    }

    private Outcome Resumed(Setting setting)
    {
        using var session = new Session(setting, seed: 99);
        session.Trainer.LoadCheckpoint(File);
        manual_seed(12345);
        return session.Outcome(session.Fit(this));
    }

    private sealed record RunSetting(int Epochs, long? Steps, int Accumulate, ScheduleClock Clock, int Patience, string? Path);

    private sealed record Setting(string Balancer, RunSetting Run);

    private sealed record Outcome(int Steps, int Epochs, string History, string Model, string Balancer, string Optimizer, string Random);

    /// <summary>A model, a balancer and a trainer, with initial weights from a seed.</summary>
    private sealed class Session : IDisposable
    {
        private readonly Setting setting;
        private readonly MultiTaskModel model;
        private readonly Balancer balancer;

        public Session(Setting setting, long seed)
        {
            this.setting = setting;
            model = Rig.Model(seed, dropout: true, batchNorm: true, dtype: ScalarType.Float32);
            balancer = setting.Balancer switch
            {
                "uncertainty" => new UncertaintyWeighting(model.Tasks.Values),
                "DWA" => new DWA(Rig.Tasks),
                "PCGrad" => new PCGrad(3),
                "RLW" => new RLW(3),
                "MGDA" => new MGDA(),
                "DBMTL" => new DBMTL(Rig.Tasks),
                "SDMGrad" => new SDMGrad(Rig.Tasks),
                _ => new IMTLL(Rig.Tasks, new PCGrad(4)),
            };
            Trainer = new(model, balancer, Rig.Adam());
        }

        public Trainer Trainer { get; }

        public TrainingHistory Fit(ResumeTests data, TrainerCallback? callback = null, BatchSource? validation = null, CancellationToken cancellation = default)
        {
            var run = setting.Run;
            return Trainer.Fit(data.train.Batches(4, seed: 5), validation ?? data.validation.Batches(3, shuffle: false), new()
            {
                Epochs = run.Epochs,
                Steps = run.Steps,
                AccumulateBatches = run.Accumulate,
                ClipGradientNorm = 1,
                Schedule = o => run.Clock == ScheduleClock.Epoch ? optim.lr_scheduler.StepLR(o, 1, 0.7) : optim.lr_scheduler.CosineAnnealingLR(o, 20),
                ScheduleClock = run.Clock,
                Patience = run.Patience,
                CheckpointPath = run.Path,
                Callbacks = callback is null ? [] : [callback],
            }, cancellationToken: cancellation);
        }

        public TrainingHistory Run(ResumeTests data)
        {
            using var fresh = new Session(setting with { Run = setting.Run with { Path = null } }, 1);
            return fresh.Fit(data);
        }

        public Outcome Outcome(TrainingHistory history) => new(
            (int)history.Epochs[^1].Steps, history.Epochs.Count, Rig.Text(history), Rig.Bits(model), Rig.Bits(balancer), Rig.Bits(Trainer.Optimizer), Rig.Hash(RandomState.Capture()));

        public void Dispose()
        {
            Trainer.Dispose();
            balancer.Dispose();
            model.Dispose();
        }
    }

    /// <summary>A source that says when it is read.</summary>
    private sealed class Observed(BatchSource source, Action read) : BatchSource
    {
        public override IReadOnlyList<string> Tasks => source.Tasks;

        public override int? BatchesPerEpoch => source.BatchesPerEpoch;

        public override string Fingerprint => source.Fingerprint;

        public override IEnumerable<MultiTaskBatch> Epoch(int epoch)
        {
            foreach (var batch in source.Epoch(epoch))
            {
                read();
                yield return batch;
            }
        }
    }
}
