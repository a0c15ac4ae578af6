using FluentAssertions;
using MultiTask.Balancing;
using MultiTask.Data;
using MultiTask.Sharing;
using MultiTask.Tests.Training;
using MultiTask.Training;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace MultiTask.Tests;

/// <summary>The loop is the loop that one would write by hand.</summary>
public sealed class TrainerTests
{
    [Theory]
    [InlineData(ScalarType.Float32)]
    [InlineData(ScalarType.Float64)]
    public void A_fit_with_equal_weights_is_the_loop_written_by_hand(ScalarType dtype)
    {
        using var data = Rig.Data(dtype: dtype);
        foreach (var optimizer in new[] { Rig.Sgd(momentum: 0.9), Rig.Adam() })
        {
            using var model = Rig.Model(dropout: true, batchNorm: true, dtype: dtype);
            using var trainer = new Trainer(model, new EqualWeights(), optimizer);
            manual_seed(5);
            trainer.Fit(data.Batches(5), options: new() { Epochs = 4 });

            using var twin = Rig.Model(dropout: true, batchNorm: true, dtype: dtype);
            using var by_hand = optimizer([.. twin.parameters()]);
            manual_seed(5);
            ByHand(twin, by_hand, data.Batches(5), epochs: 4);

            Rig.Bits(model).Should().Be(Rig.Bits(twin));
        }
    }

    [Fact]
    public void A_clipped_fit_is_the_loop_with_torch_s_clipping()
    {
        using var data = Rig.Data(dtype: ScalarType.Float32);
        using var model = Rig.Model(dtype: ScalarType.Float32);
        using var trainer = new Trainer(model, new EqualWeights(), Rig.Sgd());
        var norms = new List<double>();
        var callback = new Hook(step: (t, _) => norms.Add(GradientNorm.Of(t.Model.parameters().Select(p => p.grad!))));
        trainer.Fit(data.Batches(5), options: new() { Epochs = 4, ClipGradientNorm = 0.3, Callbacks = [callback] });

        using var twin = Rig.Model(dtype: ScalarType.Float32);
        using var by_hand = Rig.Sgd()([.. twin.parameters()]);
        ByHand(twin, by_hand, data.Batches(5), epochs: 4, () => nn.utils.clip_grad_norm_(twin.parameters(), 0.3));

        Rig.Bits(model).Should().Be(Rig.Bits(twin));
        norms.Should().HaveCount(12).And.OnlyContain(n => n < 0.3 + 1e-6);
        norms[0].Should().BeApproximately(0.3, 1e-5, "the first gradients are longer");
    }

    /// <remarks>The norm of the gradients could not be taken where one was sparse, and torch's clipping leaves such a one as it is.</remarks>
    [Theory]
    [InlineData(null)]
    [InlineData(0.3)]
    public void A_sparse_embedding_trains_as_a_dense_one(double? clip)
    {
        using var rows = Rig.Data();
        using var scope = NewDisposeScope();
        using var data = new MultiTaskDataset(rows.Inputs.Single.narrow(1, 0, 2).sign().add(1).to(ScalarType.Int64), rows.Targets);
        foreach (var balancer in new Func<Balancer>[] { () => new EqualWeights(), () => new PCGrad(), () => new PCGrad { WeightHeads = true } })
        {
            using var sparse = Trained(sparse: true);
            using var dense = Trained(sparse: false);
            Same(sparse, dense, 1e-12);

            MultiTaskModel Trained(bool sparse)
            {
                manual_seed(1);
                var model = new MultiTaskModel(new HardSharing(Sequential(Embedding(3, 3, sparse: sparse), Flatten(1))), Rig.LearningTasks());
                model.to(ScalarType.Float64);
                Fit(model, balancer(), data.Batches(5), new() { Epochs = 4, ClipGradientNorm = clip });
                return model;
            }
        }
    }

    [Fact]
    public void Clipping_takes_a_balancer_s_own_parameters_of_another_type_along()
    {
        using var data = Rig.Data();
        using var model = Rig.Model();
        using var trainer = new Trainer(model, new UncertaintyWeighting(model.Tasks.Values), Rig.Sgd());
        trainer.Balancer.parameters().Should().OnlyContain(p => p.dtype == ScalarType.Float32);
        var norm = 0.0;
        trainer.Fit(data.Batches(12), options: new()
        {
            Steps = 1,
            ClipGradientNorm = 0.1,
            Callbacks = [new Hook(step: (t, _) => norm = GradientNorm.Of(model.parameters().Concat(t.Balancer.parameters()).Select(p => p.grad!)))],
        });
        norm.Should().BeApproximately(0.1, 1e-5);
    }

    [Fact]
    public void Balancing_at_the_representation_changes_nothing_for_equal_weights()
    {
        using var data = Rig.Data();
        using var model = Rig.Model();
        using var twin = Rig.Model();
        Fit(model, new EqualWeights(), data.Batches(5), new() { Epochs = 4, BalanceAt = BalanceAt.Representation });
        Fit(twin, new EqualWeights(), data.Batches(5), new() { Epochs = 4 });
        Same(model, twin, 1e-12);
    }

    [Fact]
    public void Balancing_at_the_representation_balances_there()
    {
        using var data = Rig.Data();
        using var model = Rig.Model();
        using var twin = Rig.Model();
        Fit(model, new MGDA(), data.Batches(12, shuffle: false), new() { Steps = 1, BalanceAt = BalanceAt.Representation });

        using var balancer = new MGDA();
        using var optimizer = Rig.Sgd()([.. twin.parameters()]);
        using var scope = NewDisposeScope();
        var z = twin.Trunk.call(data.Inputs).Cut();
        balancer.Backward(twin.Losses(twin.Outputs(z), data.Targets), z);
        optimizer.step();
        Same(model, twin, 1e-15);
    }

    [Fact]
    public void The_optimizer_gets_what_the_balancer_learns_and_every_parameter_once()
    {
        using var model = Rig.Model();
        var balancer = new UncertaintyWeighting(model.Tasks.Values);
        var handed = new List<Parameter>();
        using var trainer = new Trainer(model, balancer, p =>
        {
            handed.AddRange(p);
            return optim.SGD(p, 0.1);
        });
        handed.Should().HaveCount(model.parameters().Count() + 3).And.OnlyHaveUniqueItems();
        model.Invoking(m => new Trainer(m, balancer, _ => null!)).Should().Throw<ArgumentException>().WithMessage("*optimizer*null*");
    }

    [Fact]
    public void A_trunk_s_penalty_is_added_after_balancing()
    {
        using var data = Rig.Data();
        manual_seed(1);
        using var model = new MultiTaskModel(new SoftSharing(Rig.Tasks, () => Rig.Encoder(), new L2Distance(0.5)), Rig.LearningTasks()).to(ScalarType.Float64);
        manual_seed(1);
        using var twin = new MultiTaskModel(new SoftSharing(Rig.Tasks, () => Rig.Encoder(), new L2Distance(0.5)), Rig.LearningTasks()).to(ScalarType.Float64);
        Fit(model, new PCGrad(), data.Batches(12, shuffle: false), new() { Steps = 3 });

        using var optimizer = Rig.Sgd()([.. twin.parameters()]);
        for (var step = 0; step < 3; step++)
        {
            using var scope = NewDisposeScope();
            optimizer.zero_grad();
            var losses = twin.Losses(twin.call(data.Inputs), data.Targets);
            (losses["a"] + losses["b"] + losses["c"] + twin.Penalty()!).backward();
            optimizer.step();
        }

        Same(model, twin, 1e-12);
    }

    [Fact]
    public void Many_epochs_or_as_many_steps_are_the_same()
    {
        using var data = Rig.Data();
        using var model = Rig.Model();
        using var twin = Rig.Model();
        var epochs = Fit(model, new PCGrad(), data.Batches(5), new() { Epochs = 3 });
        var steps = Fit(twin, new PCGrad(), data.Batches(5), new() { Steps = 9, Epochs = 1 });
        Rig.Bits(model).Should().Be(Rig.Bits(twin));
        Rig.Text(steps).Should().Be(Rig.Text(epochs));
    }

    [Fact]
    public void Steps_may_end_within_an_epoch_which_still_has_its_report()
    {
        using var data = Rig.Data();
        using var model = Rig.Model();
        var history = Fit(model, new EqualWeights(), data.Batches(5), new() { Steps = 4 }, data.Batches(12));
        history.Epochs.Select(e => (e.Epoch, e.Steps)).Should().Equal((0, 3), (1, 4));
        history.Epochs[1].Train["a"].Labels.Should().Be(5);
        history.Epochs.Should().OnlyContain(e => e.Validation != null);
        history.Stopped.Should().Be(StopReason.Completed);
    }

    [Fact]
    public void A_second_fit_is_a_run_of_its_own_from_the_weights_that_are_there()
    {
        using var data = Rig.Data();
        using var model = Rig.Model();
        using var twin = Rig.Model();
        using var trainer = new Trainer(model, new EqualWeights(), Rig.Sgd(momentum: 0.9));
        trainer.Fit(data.Batches(5), options: new() { Epochs = 1 });
        trainer.Fit(data.Batches(5, seed: 3), options: new() { Epochs = 2 }).Epochs.Select(e => (e.Epoch, e.Steps)).Should().Equal((0, 3), (1, 6));

        using var optimizer = Rig.Sgd(momentum: 0.9)([.. twin.parameters()]);
        ByHand(twin, optimizer, data.Batches(5), 1);
        ByHand(twin, optimizer, data.Batches(5, seed: 3), 2);
        Rig.Bits(model).Should().Be(Rig.Bits(twin));
    }

    [Fact]
    public void Every_module_ends_in_the_mode_that_it_was_in()
    {
        using var data = Rig.Data();
        using var model = Rig.Model(dropout: true, batchNorm: true);
        var frozen = (Sequential)model.Trunk.children().Single();
        model.eval();
        frozen.train();
        var norm = frozen.modules().OfType<BatchNorm1d>().Single();
        norm.eval();
        bool[] Modes() => [.. model.modules().Prepend(model).Select(m => m.training)];
        var before = Modes();
        before.Should().Contain(true).And.Contain(false);

        using var trainer = new Trainer(model, new EqualWeights(), Rig.Sgd());
        var within = new List<bool>();
        trainer.Fit(data.Batches(6), data.Batches(6), new() { Epochs = 2, Callbacks = [new Hook((_, _) => within.AddRange(Modes()), (_, _) => within.AddRange(Modes()))] });
        within.Should().NotBeEmpty().And.OnlyContain(t => t, "all train, also after validation");
        Modes().Should().Equal(before);
        trainer.Evaluate(data.Batches(6));
        Modes().Should().Equal(before);

        var failing = new Hook(step: (_, _) => throw new NotSupportedException("mine"));
        trainer.Invoking(t => t.Fit(data.Batches(6), options: new() { Callbacks = [failing] })).Should().Throw<NotSupportedException>().WithMessage("mine");
        Modes().Should().Equal(before);
    }

    [Fact]
    public void Looking_back_at_a_step_leaves_no_trace_in_running_statistics()
    {
        using var data = Rig.Data();
        using var model = Rig.Model(batchNorm: true);
        using var twin = Rig.Model(batchNorm: true);
        using var balancer = new LooksBack();
        using var trainer = new Trainer(model, balancer, Rig.Sgd());
        trainer.Fit(data.Batches(4), options: new() { Epochs = 2, AccumulateBatches = 2 });
        using var other = new Trainer(twin, new EqualWeights(), Rig.Sgd());
        other.Fit(data.Batches(4), options: new() { Epochs = 2, AccumulateBatches = 2 });
        Rig.Bits(model).Should().Be(Rig.Bits(twin));
        balancer.Ratios.Should().HaveCount(4 * 3);
        balancer.Ratios.Average().Should().BeInRange(0.5, 1, "losses of the same batch, in the same mode, a step later");
    }

    [Fact]
    public void A_fit_draws_no_random_numbers_itself()
    {
        using var data = Rig.Data();
        using var model = Rig.Model(batchNorm: true);
        var before = RandomState.Capture();
        Fit(model, new PCGrad(), data.Batches(5), new() { Epochs = 2 }, data.Batches(5));
        RandomState.Capture().Should().Equal(before);
    }

    [Theory]
    [InlineData("equal")]
    [InlineData("uncertainty")]
    [InlineData("DWA")]
    [InlineData("PCGrad")]
    [InlineData("GradDrop")]
    [InlineData("representation")]
    public void No_tensor_is_left_behind(string kind)
    {
        using var data = Rig.Data(samples: 24);
        using var validation = Rig.Data(seed: 2);
        LiveTensors.ShouldStayTheSame(() =>
        {
            using var model = Rig.Model(dropout: true, batchNorm: true);
            using Balancer balancer = kind switch
            {
                "uncertainty" => new UncertaintyWeighting(model.Tasks.Values),
                "DWA" => new DWA(Rig.Tasks),
                "PCGrad" or "representation" => new PCGrad(),
                "GradDrop" => new GradDrop(),
                _ => new EqualWeights(),
            };
            var live = new List<long>();
            var before = DisposeScopeManager.Statistics.ThreadTotalLiveCount;
            using (var trainer = new Trainer(model, balancer, Rig.Adam()))
            {
                var built = DisposeScopeManager.Statistics.ThreadTotalLiveCount;
                trainer.Fit(data.Batches(3), validation.Batches(5), new()
                {
                    Epochs = 4,
                    BalanceAt = kind == "representation" ? BalanceAt.Representation : BalanceAt.SharedParameters,
                    ClipGradientNorm = 1,
                    Schedule = o => optim.lr_scheduler.StepLR(o, 2),
                    Callbacks = [new Hook(step: (_, _) => live.Add(DisposeScopeManager.Statistics.ThreadTotalLiveCount))],
                });
                live.Skip(1).Take(7).Distinct().Should().ContainSingle("steps of the first epoch need the same");
                live.Skip(9).Take(7).Distinct().Should().ContainSingle("so do those of the second, beside the best weights");
                var best = model.state_dict().Count;
                DisposeScopeManager.Statistics.ThreadTotalLiveCount.Should().Be(built + best, "the trainer holds the best weights");
                LiveTensors.ShouldStayTheSame(() => trainer.Evaluate(validation.Batches(5)));
                trainer.Fit(data.Batches(3), options: new() { Epochs = 1 });
                DisposeScopeManager.Statistics.ThreadTotalLiveCount.Should().Be(built, "a new run forgets them");
            }

            DisposeScopeManager.Statistics.ThreadTotalLiveCount.Should().Be(before);
        });
    }

    [Fact]
    public void A_fit_within_a_scope_of_the_caller_s_survives_it()
    {
        using var data = Rig.Data();
        using var model = Rig.Model();
        using var trainer = new Trainer(model, new PCGrad(), Rig.Sgd(momentum: 0.9));
        using (NewDisposeScope())
        {
            trainer.Fit(data.Batches(5), data.Batches(12), new() { Epochs = 2 });
        }

        trainer.Fit(data.Batches(5), data.Batches(12), new() { Epochs = 2 });
        trainer.Evaluate(data.Batches(12)).TotalLoss.Should().BePositive();
    }

    [Fact]
    public void Many_tasks_are_no_trouble()
    {
        string[] names = [.. Enumerable.Range(0, 65).Select(i => $"school{i}")];
        using var data = MultiTaskDataset.FromArrays(Rig.Array(200, i => new[] { (float)Math.Sin(i), (float)Math.Cos(i) }), TaskMap.Create(names.Select((n, t) =>
            (n, (Array)Rig.Array(200, i => i % 65 == t || i % 64 == t ? (float?)Math.Sin(i + t) : null)))));
        using var model = new MultiTaskModel(new HardSharing(Sequential(Linear(2, 8), Tanh())), names.Select(n => LearningTask.Regression(n, Linear(8, 1))));
        using var trainer = new Trainer(model, new EqualWeights(), Rig.Adam());
        trainer.Fit(data.Batches(32), options: new() { Steps = 20 }).Epochs.Sum(e => e.Train.Tasks.Count).Should().BeGreaterThan(65);
    }

    /// <summary>The sum of the losses, and what became of each in the step.</summary>
    private sealed class LooksBack() : LossWeighting(nameof(LooksBack))
    {
        private readonly List<TaskMap<double>> before = [];

        public List<double> Ratios { get; } = [];

        public override double[] Weigh(TaskMap<double> losses)
        {
            before.Add(losses);
            return [.. losses.Select(_ => 1.0)];
        }

        public override void EndStep(Func<TaskMap<Tensor>> losses)
        {
            Ratios.AddRange(losses().Select(l => l.Value.ToDouble() / before.Average(b => b[l.Task])));
            before.Clear();
        }
    }

    private static TrainingHistory Fit(MultiTaskModel model, Balancer balancer, BatchSource train, TrainerOptions options, BatchSource? validation = null)
    {
        using var trainer = new Trainer(model, balancer, Rig.Sgd());
        return trainer.Fit(train, validation, options);
    }

    private static void ByHand(MultiTaskModel model, optim.Optimizer optimizer, BatchSource source, int epochs, Action? clip = null)
    {
        for (var epoch = 0; epoch < epochs; epoch++)
        {
            foreach (var batch in source.Epoch(epoch))
            {
                using var scope = NewDisposeScope();
                var (inputs, targets) = (batch.Parts[0].Inputs.Single, batch.Parts[0].Targets);
                optimizer.zero_grad();
                var z = model.Trunk.call(inputs).Shared!;
                var a = functional.mse_loss(model.Tasks["a"].Head.call(z).squeeze(1), targets["a"]);
                var b = functional.mse_loss(model.Tasks["b"].Head.call(z).squeeze(1), targets["b"]);
                var c = functional.cross_entropy(model.Tasks["c"].Head.call(z), targets["c"]);
                (a + b + c).backward();
                clip?.Invoke();
                optimizer.step();
            }
        }
    }

    private static void Same(MultiTaskModel model, MultiTaskModel twin, double tolerance)
    {
        var (found, expected) = (Rig.State(model), Rig.State(twin));
        found.Keys.Should().Equal(expected.Keys);
        foreach (var (name, numbers) in found)
        {
            numbers.Zip(expected[name], (x, y) => Math.Abs(x - y)).Max().Should().BeLessThanOrEqualTo(tolerance, name);
        }
    }
}
