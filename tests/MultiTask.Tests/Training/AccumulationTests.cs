using FluentAssertions;
using MultiTask.Balancing;
using MultiTask.Data;
using TorchSharp;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace MultiTask.Tests.Training;

/// <summary>k batches that make one step are one batch of k times the size.</summary>
public sealed class AccumulationTests
{
    public static TheoryData<string> Balancers => ["PCGrad", "MGDA", "GradDrop", "TrimmedMean", "IMTLL(PCGrad)", "weighted heads"];

    [Theory]
    [MemberData(nameof(Balancers))]
    public void The_gradient_rungs_make_the_step_of_one_large_batch(string balancer)
    {
        foreach (var missing in new[] { 0, 0.3, 0.7 })
        {
            using var data = Rig.Data(samples: 24, missing: missing);
            ShouldAgree(data, balancer, 12, 6, 4, 3, 2, 1);
        }
    }

    [Theory]
    [MemberData(nameof(Balancers))]
    public void A_task_in_only_one_of_the_batches_counts_fully(string balancer)
    {
        using var all = Rig.Data(samples: 12);
        using var scope = NewDisposeScope();
        var rare = full_like(all.Targets["a"], double.NaN);
        rare[1] = 2.0;
        using var data = new MultiTaskDataset(all.Inputs, [("a", rare), ("b", all.Targets["b"]), ("c", all.Targets["c"])]);
        ShouldAgree(data, balancer, 12, 4, 3, 1);
    }

    [Fact]
    public void Weights_of_samples_and_of_classes_count_as_in_one_large_batch()
    {
        using var all = Rig.Data(samples: 24, missing: 0.2);
        using var scope = NewDisposeScope();
        var weights = arange(24, dtype: ScalarType.Float64).remainder(5);
        using var data = new MultiTaskDataset(all.Inputs, all.Targets, [("a", weights), ("c", weights + 0.5)]);
        ShouldAgree(data, "PCGrad", [12, 6, 4, 3, 1], () => LearningTask.Classification("c", Linear(6, 3), classWeights: [0.2, 1, 3]));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(0.5)]
    public void Equal_weights_make_the_step_of_one_large_batch_too(double missing)
    {
        using var data = Rig.Data(samples: 24, missing: missing);
        ShouldAgree(data, "equal", 12, 6, 4, 3);
    }

    [Fact]
    public void The_last_step_of_an_epoch_takes_the_batches_that_are_left()
    {
        using var data = Rig.Data(samples: 14, missing: 0.3);
        var reports = new List<long>();
        using var model = Rig.Model();
        using var trainer = new Trainer(model, new PCGrad(), Rig.Sgd());
        var told = new Told<MultiTask.Training.TrainingProgress>();
        trainer.Fit(data.Batches(3, shuffle: false), options: new() { Epochs = 2, AccumulateBatches = 2, Callbacks = [new Hook(step: (_, r) => reports.Add(r.Labels["a"] + r.Labels["b"] + r.Labels["c"]))] }, progress: told)
            .Epochs.Should().OnlyContain(e => e.Train["a"].Labels == data.LabelCounts["a"]);
        reports.Should().HaveCount(6);
        reports.Take(3).Sum().Should().Be(data.LabelCounts.Values.Sum());
        told.All.Select(p => (p.Step, p.StepsPerEpoch)).Should().Equal((1, 3), (2, 3), (3, 3), (3, 3), (1, 3), (2, 3), (3, 3), (3, 3));
    }

    [Fact]
    public void The_losses_of_a_step_are_those_of_one_large_batch()
    {
        using var data = Rig.Data(samples: 12, missing: 0.4);
        TaskMap<double> Losses(int size)
        {
            using var model = Rig.Model();
            using var trainer = new Trainer(model, new MGDA(), Rig.Sgd());
            var history = trainer.Fit(data.Batches(size, shuffle: false), options: new() { Steps = 1, AccumulateBatches = 12 / size });
            return history.Epochs.Single().Train.Tasks.Map((_, t) => t.Loss);
        }

        foreach (var size in new[] { 6, 4, 1 })
        {
            Losses(size).Zip(Losses(12), (a, b) => Math.Abs(a.Value - b.Value)).Max().Should().BeLessThan(1e-14);
        }
    }

    private static void ShouldAgree(MultiTaskDataset data, string balancer, params int[] sizes) => ShouldAgree(data, balancer, sizes, null);

    private static void ShouldAgree(MultiTaskDataset data, string balancer, int[] sizes, Func<LearningTask>? c)
    {
        var expected = Weights(data, balancer, sizes[0], 1, c);
        foreach (var size in sizes.Skip(1))
        {
            var found = Weights(data, balancer, size, sizes[0] / size, c);
            found.Zip(expected, (x, y) => Math.Abs(x - y)).Max().Should().BeLessThan(1e-12, "{0} in batches of {1}", balancer, size);
        }
    }

    private static double[] Weights(MultiTaskDataset data, string kind, int batchSize, int accumulate, Func<LearningTask>? c)
    {
        manual_seed(1);
        var tasks = Rig.LearningTasks();
        using var model = new MultiTaskModel(new MultiTask.Sharing.HardSharing(Rig.Encoder()), [tasks[0], tasks[1], c?.Invoke() ?? tasks[2]]).to(ScalarType.Float64);
        using Balancer balancer = kind switch
        {
            "PCGrad" => new PCGrad(),
            "MGDA" => new MGDA(),
            "GradDrop" => new GradDrop(),
            "TrimmedMean" => new TrimmedMean(),
            "IMTLL(PCGrad)" => new IMTLL(Rig.Tasks, new PCGrad()),
            "weighted heads" => new PCGrad { WeightHeads = true },
            _ => new EqualWeights(),
        };
        balancer.to(ScalarType.Float64);
        using var trainer = new Trainer(model, balancer, Rig.Sgd(0.05));
        trainer.Fit(data.Batches(batchSize), options: new() { Epochs = 3, AccumulateBatches = accumulate });
        return [.. model.parameters().Concat(balancer.parameters()).SelectMany(Rig.Numbers)];
    }
}
