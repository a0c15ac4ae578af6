using FluentAssertions;
using MultiTask.Balancing;
using MultiTask.Data;
using MultiTask.Sharing;
using MultiTask.Tests.Fixtures;
using MultiTask.Training;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace MultiTask.Tests.Training;

/// <summary>From end to end: two tasks are learned, a third joins on the frozen trunk, then all are fine-tuned.</summary>
[Collection(GlobalRandomNumbers.Name)]
public sealed class GrowingTests
{
    [Fact]
    public void A_third_task_joins_two_trained_ones()
    {
        using var scope = NewDisposeScope();
        using var data = Rig.Data(samples: 48);
        using var two = Only(data, "a", "b");
        using var third = Only(data, "c");
        manual_seed(2);
        using var model = Model(Rig.LearningTasks()[..2]);
        using (var first = new Trainer(model, new PCGrad(), Rig.Adam()))
        {
            first.Fit(two.Batches(12), options: new() { Epochs = 15 });
        }

        using var grown = Model(Rig.LearningTasks());
        var transfer = grown.TakeWeights(model);
        transfer.Fresh.Should().BeEquivalentTo("heads.c.weight", "heads.c.bias", "trunk.gates.c.weight");
        transfer.Reshaped.Should().BeEmpty();

        // The trunk is frozen but for what belongs to the new task.
        var x = data.Inputs;
        grown.Trunk.Freeze();
        grown.Trunk.TaskParameters("c").Unfreeze();

        var before = Rig.Bits(grown.Trunk);
        var old = Outputs(model);
        var statistics = Rig.State(grown).Where(s => s.Key.Contains("running", StringComparison.Ordinal)).ToArray();
        statistics.Should().NotBeEmpty();
        using (var joins = new Trainer(grown, new EqualWeights(), Rig.Adam(0.05)))
        {
            var history = joins.Fit(third.Batches(12), options: new() { Epochs = 30 });
            history.Epochs[^1].Train["c"].Loss.Should().BeLessThan(history.Epochs[0].Train["c"].Loss);
        }

        Outputs(grown).Should().BeEquivalentTo(old, o => o.WithStrictOrdering(), "the old tasks answer as before, bit by bit");
        Outputs(model).Should().BeEquivalentTo(old, o => o.WithStrictOrdering(), "the old model is not touched");
        Rig.Bits(grown.Trunk).Should().NotBe(before, "the new task has learned what to take of the trunk");
        statistics.Should().AllSatisfy(s => Rig.State(grown)[s.Key].Should().Equal(s.Value));

        grown.Trunk.Unfreeze();
        using var balancer = new UncertaintyWeighting(grown.Tasks.Values);
        using var tuning = new Trainer(grown, balancer, p =>
        {
            var (trunk, others) = p.Split(grown.Trunk);
            return optim.Adam(new Adam.ParamGroup[] { new(others, 0.01), new(trunk, 0.001) });
        });
        var loss = tuning.Evaluate(data.Batches(48, shuffle: false)).TotalLoss;
        tuning.Fit(data.Batches(12), options: new() { Epochs = 20 });
        tuning.Evaluate(data.Batches(48, shuffle: false)).TotalLoss.Should().BeLessThan(loss);
        Outputs(grown).Should().NotBeEquivalentTo(old);

        double[][] Outputs(MultiTaskModel of)
        {
            of.eval();
            using var off = no_grad();
            return [.. of.Outputs(x, ["a", "b"]).Values.Select(o => o.Values())];
        }
    }

    private static MultiTaskModel Model(LearningTask[] tasks)
    {
        var model = new MultiTaskModel(new MMoE(tasks, experts: 3, () => Rig.Encoder(dropout: true, batchNorm: true)), tasks);
        model.to(ScalarType.Float64);
        return model;
    }

    private static MultiTaskDataset Only(MultiTaskDataset data, params string[] tasks) => new(data.Inputs, data.Targets.Filter((task, _) => tasks.Contains(task)));
}
