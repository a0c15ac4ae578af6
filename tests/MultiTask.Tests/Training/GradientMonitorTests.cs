using FluentAssertions;
using MultiTask.Balancing;
using MultiTask.Data;
using MultiTask.Diagnostics;
using MultiTask.Tests.Fixtures;
using MultiTask.Training;
using TorchSharp;
using static TorchSharp.torch;

namespace MultiTask.Tests.Training;

/// <summary>The monitor sees what the balancer saw, in the step in which it saw it, and changes nothing.</summary>
public sealed class GradientMonitorTests : IDisposable
{
    private readonly TemporaryDirectory directory = new();

    public static TheoryData<string> Balancers => ["PCGrad", "IMTLL(MGDA)", "DWA", "uncertainty", "GradDrop"];

    public void Dispose() => directory.Dispose();

    [Theory]
    [MemberData(nameof(Balancers))]
    public void Training_is_the_same_to_the_bit_with_and_without_it(string balancer)
    {
        using var data = Rig.Data(missing: 0.3);
        string Bits(params TrainerCallback[] callbacks)
        {
            using var model = Rig.Model(dropout: true, batchNorm: true);
            using var method = Make(balancer);
            using var trainer = new Trainer(model, method, Rig.Adam());
            manual_seed(7);
            var history = trainer.Fit(data.Batches(4), options: new() { Epochs = 3, Callbacks = callbacks });
            return $"{Rig.Bits(model)}\n{Rig.Bits(method)}\n{Rig.Bits(trainer.Optimizer)}\n{Rig.Text(history)}\n{GlobalRandomNumber()}";
        }

        using var monitor = new GradientMonitor(new JsonLinesLog(directory.File("a.jsonl")), new TensorBoardLog(utils.tensorboard.SummaryWriter(directory.File("board"))));
        Bits(monitor).Should().Be(Bits());
        monitor.Summary.Steps.Should().Be(9);
    }

    [Fact]
    public void It_leaves_no_tensor_behind()
    {
        using var data = Rig.Data();
        using var model = Rig.Model();
        using var trainer = new Trainer(model, new PCGrad(), Rig.Sgd());
        using var monitor = new GradientMonitor(new JsonLinesLog(directory.File("a.jsonl")));
        var hook = new Hook(step: (t, r) => LiveTensors.ShouldStayTheSame(() => monitor.OnStep(t, r)));
        trainer.Fit(data.Batches(4), options: new() { Epochs = 1, Callbacks = [hook] });
        monitor.Last!.Figures().Should().OnlyContain(f => f.Value != null, "all was computed");
    }

    [Fact]
    public void A_record_has_the_step_s_own_losses_weights_and_gradients()
    {
        using var data = Rig.Data();
        var seen = Run(new MGDA(), data.Batches(4, shuffle: false), out var monitor, out var states);
        seen.Select(r => (r.Epoch, r.Step, r.Skipped)).Should().Equal((0, 1, false), (0, 2, false), (0, 3, false), (1, 4, false), (1, 5, false), (1, 6, false));
        foreach (var (record, state) in seen.Zip(states))
        {
            record.Tasks.Should().Equal("a", "b", "c");
            record.Losses.Should().Equal(state.Report.Losses);
            record.Weights.Should().Equal(state.Weights);
            record.Conflicts!.Gramian.Should().BeSameAs(state.Gramian);
            record.Conflicts.Stationarity.Should().BeGreaterThan(0);
        }

        monitor.Last.Should().BeSameAs(seen[^1]);
        seen.Select(r => r.Conflicts!.Gramian).Distinct().Should().HaveCount(6, "each step has a Gramian of its own");
    }

    [Fact]
    public void A_skipped_step_is_recorded_as_such_and_has_no_figure_of_an_earlier_one()
    {
        using var data = Rig.Data(samples: 12);
        using var scope = NewDisposeScope();
        var bad = data.Targets["a"].clone();
        bad[4] = double.PositiveInfinity;
        using var faulty = new MultiTaskDataset(data.Inputs, [("a", bad), ("b", data.Targets["b"]), ("c", data.Targets["c"])]);
        var seen = Run(new PCGrad(), faulty.Batches(4, shuffle: false), out var monitor, out _, epochs: 1, NonFinitePolicy.SkipStep);

        seen.Select(r => (r.Step, r.Skipped)).Should().Equal((1, false), (2, true), (2, false));
        var skipped = seen[1];
        skipped.Fault.Should().Contain("'a'");
        skipped.Losses.Count.Should().Be(0);
        skipped.Weights.Should().BeNull();
        skipped.Conflicts.Should().BeNull();
        skipped.Figures().Should().OnlyContain(f => f.Value == null);
        skipped.Figures().Select(f => f.Name).Should().Equal(seen[0].Figures().Select(f => f.Name));
        seen[2].Conflicts!.Gramian.Should().NotBeSameAs(seen[0].Conflicts!.Gramian);
        (monitor.Summary.Steps, monitor.Summary.Skipped, monitor.Summary.Measured).Should().Be((2, 1, 2));
    }

    [Fact]
    public void A_step_without_labels_is_skipped_and_has_no_fault()
    {
        using var data = Rig.Data(samples: 8);
        using var scope = NewDisposeScope();
        var batches = new Batches(Rig.Tasks, e => [() => data.Batches(8).Epoch(e).Single(), () => Empty(data)]);
        var seen = Run(new PCGrad(), batches, out _, out _, epochs: 1);
        seen.Select(r => (r.Step, r.Skipped, r.Fault)).Should().Equal((1, false, null), (2, true, null));
        seen[1].Conflicts.Should().BeNull();
    }

    [Fact]
    public void Weights_that_are_used_again_are_recorded_without_gradients()
    {
        using var data = Rig.Data();
        var seen = Run(new PeriodicWeights(Rig.Tasks, new MGDA(), 3), data.Batches(4), out _, out var states);
        seen.Select(r => r.Conflicts is not null).Should().Equal(true, false, false, true, false, false);
        seen.Should().OnlyContain(r => r.Weights!.Count == 3);
        seen[2].Weights.Should().Equal(seen[0].Weights);
    }

    /// <summary>A balancer of one's own may leave <c>LastGramian</c> as it was: then it is an earlier step's.</summary>
    [Fact]
    public void A_Gramian_that_the_balancer_did_not_renew_is_not_recorded_again()
    {
        using var data = Rig.Data();
        var seen = Run(new Seldom(), data.Batches(4), out var monitor, out _);
        seen.Select(r => r.Conflicts is not null).Should().Equal(true, false, true, false, true, false);
        seen.Should().OnlyContain(r => r.Losses.Count == 3);
        (monitor.Summary.Steps, monitor.Summary.Measured).Should().Be((6, 3));
        monitor.Summary.ToString().Should().StartWith("6 steps, 0 skipped; gradients of 3 steps\n");
    }

    [Fact]
    public void On_the_loss_rungs_there_are_weights_and_no_gradients()
    {
        using var data = Rig.Data();
        var seen = Run(new FixedWeights([("a", 1), ("b", 2), ("c", 3)]), data.Batches(4), out var monitor, out _);
        seen.Should().OnlyContain(r => r.Conflicts == null && r.Weights!["b"] == 2);
        seen[0].Figures().Where(f => f.Value is not null).Select(f => f.Name)
            .Should().Equal("loss/a", "loss/b", "loss/c", "weight/a", "weight/b", "weight/c");
        monitor.Summary.MostConflicting.Should().BeNull();
        monitor.Summary.ConflictRate.Should().BeNull();
        monitor.Summary.DominantTask.Should().BeNull();
        monitor.Summary.ToString().Should().Be("6 steps, 0 skipped; no gradients were compared: the balancer has no Gramian\nmean weights a 1, b 2, c 3");
    }

    [Fact]
    public void On_the_Jacobian_rung_there_are_losses()
    {
        using var data = Rig.Data();
        Run(new GradDrop(), data.Batches(4), out _, out _).Should().OnlyContain(r => r.Conflicts == null && r.Weights == null && r.Losses.Count == 3);
    }

    [Fact]
    public void A_task_that_a_batch_lacks_has_columns_without_values()
    {
        using var data = Rig.Data(samples: 12);
        using var scope = NewDisposeScope();
        var rare = full_like(data.Targets["b"], double.NaN);
        rare[0] = 2.0;
        using var sparse = new MultiTaskDataset(data.Inputs, [("a", data.Targets["a"]), ("b", rare), ("c", data.Targets["c"])]);
        var seen = Run(new PCGrad(), sparse.Batches(4, shuffle: false), out var monitor, out _, epochs: 1);
        seen.Select(r => r.Conflicts!.Tasks.Count).Should().Equal(3, 2, 2);
        string[] Names(int k, bool present) => [.. seen[k].Figures().Where(f => f.Value is not null == present).Select(f => f.Name)];
        Names(0, present: false).Should().BeEmpty();
        Names(1, present: false).Should().Equal(
            "loss/b", "weight/b", "norm/b", "dominance/b",
            "cosine/a.b", "cosine/b.c", "magnitude_similarity/a.b", "magnitude_similarity/b.c", "curvature/a.b", "curvature/b.c");
        var columns = Names(0, present: true);
        seen.Should().OnlyContain(r => r.Figures().Select(f => f.Name).SequenceEqual(columns));
        monitor.Summary.Pairs.Select(p => (p.First, p.Second, p.Steps)).Should().Equal(("a", "b", 1), ("a", "c", 3), ("b", "c", 1));
    }

    [Fact]
    public void A_task_alone_has_no_figures_of_pairs()
    {
        using var data = Rig.Data(samples: 8);
        using var scope = NewDisposeScope();
        var none = full_like(data.Targets["a"], double.NaN);
        using var lone = new MultiTaskDataset(data.Inputs, [("a", data.Targets["a"]), ("b", none), ("c", full_like(data.Targets["c"], -100L))]);
        var seen = Run(new PCGrad(), lone.Batches(4), out var monitor, out _, epochs: 1);
        seen[0].Figures().Where(f => f.Value is not null).Select(f => f.Name)
            .Should().Equal("loss/a", "weight/a", "norm/a", "dominance/a", "condition_number", "stationarity", "relative_stationarity");
        monitor.Summary.ConflictRate.Should().BeNull();
        monitor.Summary.DominantTask.Should().BeNull();
        monitor.Summary.Norms.Tasks.Should().Equal("a");
    }

    [Fact]
    public void Each_n_th_step_is_recorded_and_every_skipped_one()
    {
        using var data = Rig.Data(samples: 12);
        using var scope = NewDisposeScope();
        var batches = new Batches(Rig.Tasks, e => [.. Rig.Array(3, k => (Func<MultiTaskBatch>)(() => data.Batches(4).Epoch(e).ElementAt(k))), () => Empty(data)]);
        var seen = Run(new PCGrad(), batches, out _, out _, epochs: 3, every: 4);
        seen.Select(r => (r.Step, r.Skipped)).Should().Equal((4, true), (4, false), (7, true), (8, false), (10, true));
        FluentActions.Invoking(() => new GradientMonitor { Every = 0 }).Should().Throw<ArgumentException>().WithMessage("`Every` should be at least 1. Found 0.");
    }

    [Fact]
    public void The_figures_of_pairs_can_be_left_out()
    {
        using var data = Rig.Data();
        using var model = Rig.Model();
        using var trainer = new Trainer(model, new PCGrad(), Rig.Sgd());
        using var monitor = new GradientMonitor { Pairs = false };
        trainer.Fit(data.Batches(4), options: new() { Steps = 1, Callbacks = [monitor] });
        monitor.Last!.Figures().Where(f => f.Key.Contains('.', StringComparison.Ordinal)).Should().BeEmpty();
        monitor.Last.Figures().Select(f => f.Name).Should().Contain(["conflict_rate", "min_cosine", "mean_magnitude_similarity", "max_curvature"]);
        monitor.Summary.Pairs.Should().HaveCount(3);
    }

    [Fact]
    public void Gradients_at_the_representation_and_of_accumulated_batches_are_recorded_too()
    {
        using var data = Rig.Data();
        foreach (var options in new TrainerOptions[] { new() { Epochs = 1, BalanceAt = BalanceAt.Representation }, new() { Epochs = 1, AccumulateBatches = 3 } })
        {
            using var model = Rig.Model();
            using var trainer = new Trainer(model, new PCGrad(), Rig.Sgd());
            using var monitor = new GradientMonitor();
            trainer.Fit(data.Batches(4), options: new()
            {
                Epochs = 1,
                BalanceAt = options.BalanceAt,
                AccumulateBatches = options.AccumulateBatches,
                Callbacks = [monitor],
            });
            monitor.Summary.Measured.Should().Be(3 / options.AccumulateBatches);
            monitor.Last!.Conflicts!.Tasks.Should().Equal("a", "b", "c");
        }
    }

    [Fact]
    public void The_summary_is_made_of_means_over_the_records()
    {
        using var data = Rig.Data(missing: 0.2);
        var seen = Run(new PCGrad(), data.Batches(4), out var monitor, out _);
        var summary = monitor.Summary;
        summary.ConflictRate.Should().BeApproximately(seen.Average(r => r.Conflicts!.ConflictRate), 1e-12);
        summary.Norms["b"].Should().BeApproximately(seen.Average(r => r.Conflicts!.Norms["b"]), 1e-12);
        summary.Weights["a"].Should().BeApproximately(seen.Average(r => r.Weights!["a"]), 1e-12);
        summary.Losses["c"].Should().BeApproximately(seen.Average(r => r.Losses["c"]), 1e-12);
        summary.Dominance.Values.Sum().Should().BeApproximately(1, 1e-12);
        summary.DominantTask.Should().Be(summary.Dominance.MaxBy(d => d.Value).Task);
        summary.Pairs.Select(p => (p.First, p.Second)).Should().Equal(("a", "b"), ("a", "c"), ("b", "c"));
        var pair = summary.Pairs[1];
        pair.Cosine.Should().BeApproximately(seen.Average(r => r.Conflicts!["a", "c"].Cosine), 1e-12);
        pair.ConflictRate.Should().BeApproximately(seen.Average(r => r.Conflicts!["a", "c"].Conflicts ? 1.0 : 0), 1e-12);
        summary.MostConflicting!.Cosine.Should().Be(summary.Pairs.Min(p => p.Cosine));
        summary.ToString().Should().StartWith("6 steps, 0 skipped\nmean weights a ").And.Contain("\nmost conflicting ").And.Contain($"dominant task {summary.DominantTask}: 0.");
    }

    [Fact]
    public void A_summary_reads_well()
    {
        var summary = new GradientSummary(
            200, 2, 200, 0.4567, [new("age", "sex", 200, 0.2, 0.1), new("age", "income", 200, -0.12, 0.61)],
            [], [("age", 1.5), ("sex", 1), ("income", 2)], [("age", 0.1), ("sex", 2), ("income", 3000)], [("age", 0.1), ("sex", 0.2), ("income", 0.7)]);
        using var german = new Culture("de-DE");
        summary.ToString().Should().Be(
            "200 steps, 2 skipped\n" +
            "mean weights age 1.5, sex 1, income 2\n" +
            "mean norms age 0.1, sex 2, income 3000\n" +
            "conflict rate 0.457\n" +
            "most conflicting age and income: mean cosine -0.120, in conflict in 61.0 % of 200 steps\n" +
            "dominant task income: 0.700 of the norms");
    }

    [Fact]
    public void It_is_for_the_tasks_of_one_model()
    {
        using var data = Rig.Data();
        Run(new PCGrad(), data.Batches(4), out var monitor, out _);
        using var other = new MultiTaskModel(new MultiTask.Sharing.HardSharing(Rig.Encoder()), Rig.LearningTasks()[..2]);
        other.to(ScalarType.Float64);
        using var two = data.Subset(Enumerable.Range(0, 12));
        using var without = new MultiTaskDataset(two.Inputs, two.Targets.Filter((task, _) => task != "c"));
        using var trainer = new Trainer(other, new PCGrad(), Rig.Sgd());
        trainer.Invoking(t => t.Fit(without.Batches(4), options: new() { Callbacks = [monitor] }))
            .Should().Throw<InvalidOperationException>().WithMessage("*'a', 'b', 'c'*'a', 'b'.");
    }

    [Fact]
    public void The_logs_belong_to_the_monitor()
    {
        var log = new Kept();
        var plain = new Plain();
        var monitor = new GradientMonitor(log, plain);
        monitor.Dispose();
        monitor.Dispose();
        log.Disposed.Should().Be(2);
        FluentActions.Invoking(() => new GradientMonitor(null!)).Should().Throw<ArgumentNullException>();
    }

    private static List<StepRecord> Run(
        Balancer balancer,
        BatchSource data,
        out GradientMonitor monitor,
        out List<(StepReport Report, TaskMap<double>? Weights, Gramian? Gramian)> states,
        int epochs = 2,
        NonFinitePolicy policy = NonFinitePolicy.Throw,
        int every = 1)
    {
        var log = new Kept();
        var told = new List<(StepReport, TaskMap<double>?, Gramian?)>();
        using var model = Rig.Model();
        using var trainer = new Trainer(model, balancer, Rig.Sgd());
        monitor = new GradientMonitor(log) { Every = every };
        var hook = new Hook(step: (t, r) => told.Add((r, t.Balancer.LastWeights, t.Balancer.LastGramian)));
        trainer.Fit(data, options: new() { Epochs = epochs, OnNonFinite = policy, Callbacks = [monitor, hook] });
        balancer.Dispose();
        states = told;
        return log.Records;
    }

    private static MultiTaskBatch Empty(MultiTaskDataset data) => new(
        data.Inputs,
        [("a", full_like(data.Targets["a"], double.NaN)), ("b", full_like(data.Targets["b"], double.NaN)), ("c", full_like(data.Targets["c"], -100L))]);

    private static Balancer Make(string balancer) => balancer switch
    {
        "PCGrad" => new PCGrad(),
        "IMTLL(MGDA)" => new IMTLL(Rig.Tasks, new MGDA()),
        "DWA" => new DWA(Rig.Tasks),
        "uncertainty" => new UncertaintyWeighting(Rig.LearningTasks()),
        _ => new GradDrop(),
    };

    private static double GlobalRandomNumber()
    {
        using var drawn = rand(1);
        return drawn.ToDouble();
    }

    /// <summary>Finds weights in each second step, and keeps those of the first.</summary>
    private sealed class Seldom() : Balancer(nameof(Seldom))
    {
        private readonly MGDA inner = new();
        private int steps;

        protected internal override void Differentiate(IEnumerable<MicroBatchLosses> microBatches, IReadOnlyList<Tensor> shared)
        {
            if (steps++ % 2 == 0)
            {
                inner.Differentiate(microBatches, shared);
                (LastWeights, LastGramian) = (inner.LastWeights, inner.LastGramian);
            }
            else
            {
                microBatches.Single().Losses.Values.Aggregate((sum, next) => sum + next).backward();
            }
        }
    }

    private sealed class Plain : StepLog
    {
        public override void Write(StepRecord record)
        {
        }
    }

    private sealed class Kept : StepLog, IDisposable
    {
        public List<StepRecord> Records { get; } = [];

        public int Disposed { get; private set; }

        public override void Write(StepRecord record) => Records.Add(record);

        public void Dispose() => Disposed++;
    }
}
