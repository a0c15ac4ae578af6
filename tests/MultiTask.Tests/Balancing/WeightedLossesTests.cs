using FluentAssertions;
using MultiTask.Balancing;
using MultiTask.Tests.Contracts;
using MultiTask.Tests.Fixtures;
using TorchSharp;
using static TorchSharp.torch;

namespace MultiTask.Tests.Balancing;

public sealed class WeightedLossesTests : IDisposable
{
    private readonly DisposeScope scope = NewDisposeScope();

    public void Dispose() => scope.Dispose();

    [Fact]
    public void A_gradient_method_sees_gradients_times_their_weights()
    {
        using var net = new SmallNet(2);
        using var method = new WeightedLosses(new FixedWeights([("task0", 2), ("task1", 0.5)]), new MGDA());
        using var plain = new MGDA();
        plain.Backward(net.Losses(), net.Shared);
        method.Backward(net.Losses(), net.Shared);
        method.LastGramian![0, 0].Should().BeApproximately(4 * plain.LastGramian![0, 0], 1e-12);
        method.LastGramian[0, 1].Should().BeApproximately(plain.LastGramian[0, 1], 1e-12);
        method.LastGramian[1, 1].Should().BeApproximately(plain.LastGramian[1, 1] / 4, 1e-12);
    }

    [Fact]
    public void With_a_sum_behind_them_the_weighting_is_all()
    {
        using var net = new SmallNet(3);
        using var method = new WeightedLosses(new RLW(seed: 3), new EqualWeights());
        using var plain = new RLW(seed: 3);
        method.Backward(net.Losses(), net.Shared);
        var found = SmallNet.Gradients(net.All);
        net.ZeroGradients();
        plain.Backward(net.Losses(), net.Shared);
        foreach (var (a, b) in found.Zip(SmallNet.Gradients(net.All)))
        {
            a?.Should().Equal(b!, (x, y) => Math.Abs(x - y) < 1e-13);
        }
    }

    [Fact]
    public void The_losses_after_the_step_have_the_same_weights_and_are_not_weighed_again()
    {
        using var net = new SmallNet(2);
        var clock = new Clocked();
        var weighting = new Counting();
        using var method = new WeightedLosses(weighting, clock);
        var losses = net.Losses();
        method.Backward(losses, net.Shared);
        method.EndStep(() => net.Losses());
        method.EndEpoch();
        weighting.Calls.Should().Be(1);
        clock.After!.Values[1].Should().BeApproximately(3 * net.Losses()["task1"].item<double>(), 1e-12);
        (weighting.Epochs, clock.Epochs).Should().Be((1, 1));
        method.Reset();
        (weighting.Calls, clock.Epochs).Should().Be((0, 0));
    }

    /// <summary>The last micro-batch lacked a task, and its weight was looked for in vain when the step had ended.</summary>
    [Fact]
    public void A_task_that_the_last_micro_batch_lacks_has_its_weight_after_the_step()
    {
        var clock = new Clocked();
        using var method = new WeightedLosses(new FixedWeights([("a", 2), ("b", 3)]), clock);
        method.Backward([new MicroBatchLosses(Scalars.Of(("a", 1), ("b", 1)), [("a", 1), ("b", 0.5)]), new MicroBatchLosses(Scalars.Of(("b", 1)), [("b", 0.5)])], []);
        method.EndStep(() => Scalars.Of(("a", 10), ("b", 100)));
        clock.After!.Values.Should().Equal(20, 300);
    }

    private sealed class Counting() : LossWeighting(nameof(Counting))
    {
        public int Calls { get; private set; }

        public int Epochs { get; private set; }

        public override double[] Weigh(TaskMap<double> losses)
        {
            Calls++;
            return [2, 3];
        }

        public override void EndEpoch() => Epochs++;

        public override void Reset() => Calls = 0;
    }

    private sealed class Clocked() : LossWeighting(nameof(Clocked))
    {
        public TaskMap<double>? After { get; private set; }

        public int Epochs { get; private set; }

        public override double[] Weigh(TaskMap<double> losses) => [.. losses.Select(_ => 1.0)];

        public override void EndStep(Func<TaskMap<Tensor>> losses) => After = losses().Map((_, l) => l.item<double>());

        public override void EndEpoch() => Epochs++;

        public override void Reset() => Epochs = 0;
    }
}
