using FluentAssertions;
using MultiTask.Balancing;
using MultiTask.Tests.Contracts;
using TorchSharp;
using static TorchSharp.torch;

namespace MultiTask.Tests.Balancing;

public sealed class PeriodicWeightsTests : IDisposable
{
    private static readonly string[] Names = Concrete.Names(3);
    private readonly DisposeScope scope = NewDisposeScope();

    public void Dispose() => scope.Dispose();

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Steps_in_between_do_what_the_inner_balancer_would_do_with_the_same_weights(bool weightHeads)
    {
        using var net = new SmallNet(3);
        using var method = new PeriodicWeights(Names, new MGDA { WeightHeads = weightHeads }, period: 3);
        var found = new List<double[]?[]>();
        for (var step = 0; step < 3; step++)
        {
            net.ZeroGradients();
            method.Backward(net.Losses(), net.Shared);
            found.Add(SmallNet.Gradients(net.All));
            (method.LastGramian is null).Should().Be(step > 0);
        }

        for (var k = 0; k < found[0].Length; k++)
        {
            for (var step = 1; step < 3; step++)
            {
                (found[step][k] is null).Should().Be(found[0][k] is null);
                found[step][k]?.Should().Equal(found[0][k]!, (a, b) => Math.Abs(a - b) < 1e-13);
            }
        }
    }

    [Fact]
    public void Weights_are_found_anew_every_kth_step()
    {
        var counter = new Counting();
        using var net = new SmallNet(3);
        using var method = new PeriodicWeights(Names, counter, period: 4);
        for (var step = 0; step < 12; step++)
        {
            method.Backward(net.Losses(), net.Shared);
            method.LastWeights!.Values.Should().OnlyContain(w => w == counter.Calls);
        }

        counter.Calls.Should().Be(3);
    }

    [Fact]
    public void A_task_without_a_weight_has_them_found_and_the_count_begins_anew()
    {
        var counter = new Counting();
        using var net = new SmallNet(3);
        using var method = new PeriodicWeights(Names, counter, period: 3);
        method.Backward(net.Losses(i => i < 2), net.Shared);
        method.Backward(net.Losses(i => i < 1), net.Shared);
        counter.Calls.Should().Be(1);
        method.Backward(net.Losses(), net.Shared);
        counter.Calls.Should().Be(2);
        method.Backward(net.Losses(), net.Shared);
        method.Backward(net.Losses(), net.Shared);
        counter.Calls.Should().Be(2);
        method.Backward(net.Losses(), net.Shared);
        counter.Calls.Should().Be(3);
    }

    [Fact]
    public void Micro_batches_stay_lazy()
    {
        using var net = new SmallNet(3);
        using var method = new PeriodicWeights(Names, new MGDA(), period: 2);
        var half = TaskMap.Create(Names.Select(t => (t, 0.5)));
        for (var step = 0; step < 2; step++)
        {
            net.ZeroGradients();
            method.Backward(Parts(), net.Shared);
            var found = SmallNet.Gradients(net.All);
            using var mgda = new MGDA();
            net.ZeroGradients();
            mgda.Backward(net.Losses(), net.Shared);
            foreach (var (a, b) in found.Zip(SmallNet.Gradients(net.All)))
            {
                a?.Should().Equal(b!, (x, y) => Math.Abs(x - y) < 1e-12);
            }
        }

        IEnumerable<MicroBatchLosses> Parts()
        {
            yield return new(net.Losses(net.Represent(), rows: ..3), half);
            yield return new(net.Losses(net.Represent(), rows: 3..), half);
        }
    }

    [Fact]
    public void Bad_arguments_are_refused()
    {
        FluentActions.Invoking(() => new PeriodicWeights(["a"], new MGDA(), 0)).Should().Throw<ArgumentOutOfRangeException>().WithMessage("*`period`*1*0*");
        using var net = new SmallNet(3);
        using var method = new PeriodicWeights(["task0"], new MGDA(), 2);
        method.Invoking(m => m.Backward(net.Losses(), net.Shared)).Should().Throw<ArgumentException>().WithMessage("*PeriodicWeights*'task1'*");
    }

    /// <summary>Weights that tell how often they were asked for.</summary>
    private sealed class Counting() : GramianWeighting(nameof(Counting))
    {
        public int Calls { get; private set; }

        public override double[] Weigh(Gramian gramian)
        {
            Calls++;
            return [.. Enumerable.Repeat((double)Calls, gramian.Count)];
        }
    }
}
