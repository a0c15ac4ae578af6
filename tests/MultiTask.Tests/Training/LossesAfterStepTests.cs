using FluentAssertions;
using MultiTask.Balancing;
using MultiTask.Data;
using MultiTask.Training;
using TorchSharp;
using static TorchSharp.torch;

namespace MultiTask.Tests.Training;

/// <summary>The losses of a step's batch after the step: what only the step changed.</summary>
[Collection(GlobalRandomNumbers.Name)]
public sealed class LossesAfterStepTests
{
    [Theory]
    [InlineData(1, BalanceAt.SharedParameters)]
    [InlineData(3, BalanceAt.SharedParameters)]
    [InlineData(1, BalanceAt.Representation)]
    public void Where_the_step_changes_nothing_the_losses_are_the_same_dropout_or_not(int accumulate, BalanceAt at)
    {
        using var data = Rig.Data(missing: 0.3);
        using var model = Rig.Model(dropout: true, batchNorm: true);
        using var balancer = new Looks();
        using var trainer = new Trainer(model, balancer, Rig.Sgd(rate: 0));
        trainer.Fit(data.Batches(4), options: new() { Epochs = 4, AccumulateBatches = accumulate, BalanceAt = at });
        balancer.Steps.Should().HaveCountGreaterThan(2);
        foreach (var (before, after) in balancer.Steps)
        {
            after.Tasks.Should().BeEquivalentTo(before.Select(b => b.Task).Distinct());
            if (accumulate == 1)
            {
                after.Values.Should().Equal(before.Select(b => b.Value), (x, y) => Math.Abs(x - y) < 1e-12);
            }
            else
            {
                // All labels together: between the losses of the batches.
                after.Should().OnlyContain(a => before.Where(b => b.Task == a.Task).Min(b => b.Value) - 1e-12 <= a.Value
                    && a.Value <= before.Where(b => b.Task == a.Task).Max(b => b.Value) + 1e-12);
            }
        }
    }

    [Fact]
    public void A_batch_without_labels_in_the_step_does_not_shift_the_masks()
    {
        using var full = Rig.Data(samples: 2);
        using var none = Rig.Data(samples: 2, seed: 3, missing: 1);
        using var model = Rig.Model(dropout: true);
        using var balancer = new Looks();
        using var trainer = new Trainer(model, balancer, Rig.Sgd(rate: 0));
        trainer.Fit(new RoundRobin([none.Batches(2), full.Batches(2)]), options: new() { Epochs = 3, AccumulateBatches = 2 });
        balancer.Steps.Should().NotBeEmpty();
        foreach (var (before, after) in balancer.Steps)
        {
            after.Values.Should().Equal(before.Select(b => b.Value), (x, y) => Math.Abs(x - y) < 1e-12);
        }
    }

    [Fact]
    public void Looking_does_not_change_the_random_numbers_that_the_run_draws()
    {
        byte[] Run(Balancer balancer, out string bits)
        {
            using var data = Rig.Data();
            using var model = Rig.Model(dropout: true, batchNorm: true);
            using (balancer)
            using (var trainer = new Trainer(model, balancer, Rig.Sgd()))
            {
                trainer.Fit(data.Batches(5), options: new() { Epochs = 3 });
            }

            bits = Rig.Bits(model);
            return RandomState.Capture();
        }

        var state = Run(new Looks(), out var found);
        Run(new EqualWeights(), out var expected).Should().Equal(state);
        found.Should().Be(expected);
    }

    [Fact]
    public void FAMO_sees_no_change_where_there_is_none()
    {
        using var data = Rig.Data();
        using var model = Rig.Model(dropout: true, batchNorm: true);
        using var famo = new FAMO(Rig.Tasks);
        using var trainer = new Trainer(model, famo, Rig.Sgd(rate: 0));
        trainer.Fit(data.Batches(4), options: new() { Epochs = 3 });
        Rig.State(famo).Values.Should().OnlyContain(s => Math.Abs(s[1]) < 1e-12); // the moments of w
        Rig.State(famo).Values.Should().OnlyContain(s => s[3] == 9); // after nine updates
    }

    /// <summary>The sum of the losses; remembers them as they were in each step and are after it.</summary>
    private sealed class Looks() : LossWeighting(nameof(Looks))
    {
        private readonly List<(string Task, double Value)> now = [];

        public List<((string Task, double Value)[] Before, TaskMap<double> After)> Steps { get; } = [];

        public override double[] Weigh(TaskMap<double> losses)
        {
            now.AddRange(losses);
            return [.. losses.Select(_ => 1.0)];
        }

        public override void EndStep(Func<TaskMap<Tensor>> losses)
        {
            Steps.Add(([.. now], losses().Map((_, loss) => loss.ToDouble())));
            now.Clear();
        }
    }
}
