using FluentAssertions;
using MultiTask.Balancing;
using MultiTask.Data;
using MultiTask.Diagnostics;
using MultiTask.Sharing;
using MultiTask.Tests.Training;
using MultiTask.Training;
using static TorchSharp.torch;

namespace MultiTask.Tests.Diagnostics;

public sealed class TransferStudyTests : IDisposable
{
    private readonly MultiTaskDataset train = Rig.Data(samples: 20, missing: 0.3, dtype: ScalarType.Float32);
    private readonly MultiTaskDataset validation = Rig.Data(samples: 9, seed: 2, missing: 0.3, dtype: ScalarType.Float32);
    private readonly MultiTaskDataset test = Rig.Data(samples: 11, seed: 3, dtype: ScalarType.Float32);

    private static Candidate Shared => new("shared", () => (new(new HardSharing(Rig.Encoder(dropout: true)), Rig.LearningTasks()), new PCGrad()));

    public void Dispose()
    {
        train.Dispose();
        validation.Dispose();
        test.Dispose();
    }

    [Fact]
    public void The_baseline_is_each_task_trained_alone_by_hand()
    {
        var found = Study([5, 6]).Run([])[TransferStudy.Baseline];
        for (var i = 0; i < 2; i++)
        {
            foreach (var task in Rig.Tasks)
            {
                var seed = 5 + i;
                manual_seed(seed);
                var own = Rig.LearningTasks().Single(t => t.Name == task);
                manual_seed(seed);
                using var model = new MultiTaskModel(new HardSharing(Rig.Encoder(dropout: true)), [own]);
                using var trainer = new Trainer(model, new EqualWeights(), Rig.Adam());
                trainer.Fit(Labelled(train, task, seed), Labelled(validation, task, null), new() { Epochs = 3 });
                var expected = trainer.Evaluate(new MultiTaskDataset(test.Inputs, [(task, test.Targets[task])]).Batches(4, shuffle: false));
                found[i][task].Loss.Should().Be(expected[task].Loss);
                found[i][task].Metrics.Should().Equal(expected[task].Metrics);
            }

            found[i].Tasks.Tasks.Should().Equal(Rig.Tasks);
            found[i].TotalLoss.Should().BeApproximately(found[i].Tasks.Sum(t => t.Value.Loss), 1e-12);
        }
    }

    [Fact]
    public void A_candidate_is_a_fit_by_hand()
    {
        var found = Study([5]).Run([Shared])["shared"].Single();
        manual_seed(5);
        var (model, balancer) = Shared.Build();
        using var trainer = new Trainer(model, balancer, Rig.Adam());
        trainer.Fit(train.Batches(6, seed: 5), validation.Batches(4, shuffle: false), new() { Epochs = 3 });
        trainer.Evaluate(test.Batches(4, shuffle: false)).TotalLoss.Should().Be(found.TotalLoss);
    }

    [Fact]
    public void Results_depend_on_the_seed_alone()
    {
        double[] Losses(IReadOnlyList<long> seeds, string method, params Candidate[] candidates) => [.. Study(seeds).Run(candidates)[method].Select(e => e.TotalLoss)];
        var both = Losses([1, 2], "shared", Shared);
        both[0].Should().NotBe(both[1]);
        Losses([1, 2], "shared", Shared).Should().Equal(both);
        Losses([2, 1], "shared", Shared).Should().Equal(both[1], both[0]);
        manual_seed(99);
        Losses([2], "shared", Shared with { Name = "other" }, Shared).Should().Equal(both[1]);
        Losses([2], "other", Shared with { Name = "other" }, Shared).Should().Equal(both[1]);
    }

    [Fact]
    public void The_caller_s_random_numbers_and_tensors_stay_as_they_are()
    {
        manual_seed(7);
        var before = RandomState.Capture();
        Study([1]).Run([Shared]);
        RandomState.Capture().Should().Equal(before);
        LiveTensors.ShouldStayTheSame(() => Study([1, 2]).Run([Shared]));

        var failing = new Candidate("failing", () => throw new NotSupportedException());
        Study([1]).Invoking(s => s.Run([failing])).Should().Throw<NotSupportedException>();
        RandomState.Capture().Should().Equal(before);
    }

    [Fact]
    public void Progress_is_told_after_each_training()
    {
        var told = new Told<StudyProgress>();
        var comparison = Study([3, 4]).Run([Shared], told);
        told.All.Select(p => (p.Candidate, p.Seed)).Should().Equal(("single-task", 3), ("shared", 3), ("single-task", 4), ("shared", 4));
        told.All[3].Test.Should().BeSameAs(comparison["shared"][1]);
        told.All[3].History!.Epochs.Should().HaveCount(3);
        comparison.Baseline.Should().Be(TransferStudy.Baseline);
        comparison.Methods.Should().Equal("single-task", "shared");
        comparison.DeltaM("shared").Should().HaveCount(2).And.OnlyContain(d => d.Tasks.Count == 3);
    }

    [Fact]
    public void A_candidate_may_bring_its_own_optimizer()
    {
        var rates = new List<double>();
        var study = Study([1], new Hook(epoch: (t, r) => rates.Add(r.LearningRate)));
        study.Run([Shared with { Optimizer = Rig.Adam(0.125) }]);
        rates.Should().HaveCount(12);
        rates[..9].Should().OnlyContain(r => r == 0.02);
        rates[9..].Should().OnlyContain(r => r == 0.125);
    }

    [Fact]
    public void A_study_can_be_cancelled()
    {
        using var cancellation = new CancellationTokenSource();
        Study([1], new Hook(step: (_, _) => cancellation.Cancel())).Invoking(s => s.Run([Shared], null, cancellation.Token)).Should().Throw<OperationCanceledException>();
    }

    [Fact]
    public void Names_and_seeds_are_checked_first()
    {
        Study([1]).Invoking(s => s.Run([Shared, Shared])).Should().Throw<ArgumentException>().WithMessage("*distinct*'shared', 'shared'*");
        Study([1]).Invoking(s => s.Run([Shared with { Name = TransferStudy.Baseline }])).Should().Throw<ArgumentException>().WithMessage("*'single-task'*");
        Study([]).Invoking(s => s.Run([Shared])).Should().Throw<ArgumentException>().WithMessage("`Seeds`*");
    }

    private static BatchSource Labelled(MultiTaskDataset data, string task, int? seed)
    {
        var source = seed is { } s ? data.Batches(6, seed: s) : data.Batches(4, shuffle: false);
        return new Batches([task], epoch => source.Epoch(epoch).SelectMany(batch =>
        {
            var part = batch.Parts.Single();
            long[] rows = [.. MissingLabels.Present(part.Targets[task]).data<bool>().Index().Where(r => r.Item).Select(r => (long)r.Index)];
            Tensor Select(Tensor t) => t.index_select(0, tensor(rows));
            return rows.Length == 0 ? Array.Empty<Func<MultiTaskBatch>>() : [() => new(part.Inputs.Map(Select), [(task, Select(part.Targets[task]))])];
        }));
    }

    private TransferStudy Study(IReadOnlyList<long> seeds, params TrainerCallback[] callbacks) => new()
    {
        Tasks = Rig.LearningTasks,
        Tower = () => Rig.Encoder(dropout: true),
        Data = seed => new(train.Batches(6, seed: (int)seed), validation.Batches(4, shuffle: false), test.Batches(4, shuffle: false)),
        Optimizer = Rig.Adam(),
        Options = new() { Epochs = 3, Callbacks = callbacks },
        Seeds = seeds,
    };
}
