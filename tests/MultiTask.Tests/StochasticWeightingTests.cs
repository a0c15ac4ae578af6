using FluentAssertions;
using MultiTask.Balancing;
using MultiTask.Tests.Contracts;
using MultiTask.Tests.Fixtures;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace MultiTask.Tests;

public sealed class StochasticWeightingTests : IDisposable
{
    private static readonly string[] Names = Concrete.Names(3);
    private static readonly double[] Weights = [0.5, -1, 2];
    private readonly TorchSharp.DisposeScope scope = NewDisposeScope();
    private readonly SmallNet net = new(3);

    public void Dispose()
    {
        net.Dispose();
        scope.Dispose();
    }

    /// <summary>Micro-batches by the rows they hold, the samples that these make, and the rows of the step.</summary>
    public static TheoryData<int[], int[], int[], int[]> Deals => new()
    {
        { [6], [0], [0], [0] },
        { [2, 4], [0], [1], [0, 1] },
        { [1, 2, 3], [0], [1], [2] },
        { [1, 2, 1, 2], [0, 3], [1], [2] },
        { [1, 1, 1, 1, 1, 1], [0, 3], [1, 4], [2, 5] },
    };

    [Theory]
    [MemberData(nameof(Deals))]
    public void Micro_batches_are_dealt_to_samples_that_each_estimate_the_whole_gradient(int[] sizes, int[] xi, int[] other, int[] zeta)
    {
        using var method = new Recording();
        method.Backward(Parts(sizes), net.Shared);
        var found = SmallNet.Gradients(net.All);

        var (j, k) = (Sample(sizes, xi), Sample(sizes, other));
        var products = j.matmul(k.t()).Values();
        method.Products!.Cast<double>().Should().Equal(products, (a, b) => Math.Abs(a - b) <= 1e-12 * (1 + Math.Abs(b)));
        method.LastWeights!.Values.Should().Equal(Weights);

        net.ZeroGradients();
        net.Losses().Values.Aggregate((a, b) => a + b).backward();
        var heads = SmallNet.Gradients(Enumerable.Range(0, 3).SelectMany(net.Head));
        var step = tensor(Weights).matmul(Sample(sizes, zeta)).Values();
        found.Take(4).SelectMany(g => g!).Should().Equal(step, (a, b) => Math.Abs(a - b) <= 1e-12 * (1 + Math.Abs(b)));
        found.Skip(4).SkipLast(2).Zip(heads).Should().AllSatisfy(p => p.First.Should().Equal(p.Second!, (a, b) => Math.Abs(a - b) < 1e-12));
        method.LastGramian![0, 1].Should().BeApproximately(Gramian.Of(Jacobian.Of(net.Losses(), net.Trunk.parameters()))[0, 1], 1e-12);
    }

    [Fact]
    public void Losses_are_those_of_the_whole_batch()
    {
        using var method = new Recording();
        method.Backward(Parts([1, 2, 3]), net.Shared);
        var whole = net.Losses();
        method.Losses!.Tasks.Should().Equal(Names);
        method.Losses.Should().AllSatisfy(l => l.Value.Should().BeApproximately(whole[l.Task].item<double>(), 1e-12));
    }

    [Fact]
    public void A_task_that_is_not_in_a_sample_has_the_whole_batchs_gradient_there()
    {
        // task1 has labels in the second micro-batch only, so its share there is 1.
        using var method = new Recording();
        method.Backward((MicroBatchLosses[])[Part(..2, 1 / 3.0, i => i != 1), Part(2..4, 1 / 3.0, _ => true, ("task1", 1)), Part(4.., 1 / 3.0, i => i != 1)], net.Shared);
        var only = Jacobian.Of(net.Losses(net.Represent(), i => i == 1, 2..4), net.Trunk.parameters()).Matrix[0];
        var index = method.Losses!.Tasks.ToList().IndexOf("task1");
        method.Products![index, index].Should().BeApproximately((only * only).sum().item<double>(), 1e-12);
    }

    [Fact]
    public void A_parameter_that_only_another_sample_reaches_has_its_gradient()
    {
        var (p, q) = (Parameter(2), Parameter(3));
        TaskMap<double> third = [("a", 1 / 3.0), ("b", 1)];
        using var method = new Recording { Given = [1, 1] };
        MicroBatchLosses[] parts =
        [
            new([("a", p.square().sum()), ("b", (p * q).sum())], third),
            new([("a", p.square().sum())], third),
            new([("a", p.square().sum())], third),
        ];
        method.Backward(parts, [p, q]);
        p.grad!.Values().Should().Equal([4 + 3.0], (a, b) => Math.Abs(a - b) < 1e-12);
        q.grad!.Values().Should().Equal([2.0], (a, b) => Math.Abs(a - b) < 1e-12);
    }

    [Fact]
    public void Micro_batches_stay_lazy()
    {
        var alive = 0;
        using var method = new Recording();
        method.Backward(Lazy(), net.Shared);
        alive.Should().Be(4);

        IEnumerable<MicroBatchLosses> Lazy()
        {
            foreach (var part in new[] { ..1, 1..2, 2..4, 4.. })
            {
                net.All.Any(p => p.grad is not null).Should().Be(alive > 0, "each one is differentiated before the next is asked for");
                alive++;
                yield return Part(part, (part.End.Value == 0 ? 2 : part.End.Value - part.Start.Value) / 6.0, _ => true);
            }
        }
    }

    [Fact]
    public void A_gradient_that_is_not_finite_is_refused_and_changes_nothing()
    {
        var p = Parameter(1);
        p.grad = ones_like(p);
        using var method = new Recording { Given = [1] };
        var bad = (p - 1).abs().sqrt().sum() + 1;
        MicroBatchLosses[] parts = [new([("a", p.sum())], [("a", 0.5)]), new([("a", bad)], [("a", 0.5)])];
        method.Invoking(m => m.Backward(parts, [p])).Should().Throw<NonFiniteException>().Which.Task.Should().Be("a");
        p.grad!.Values().Should().Equal(1);
        method.Products.Should().BeNull();
    }

    [Fact]
    public void Weights_are_checked()
    {
        using var method = new Recording { Given = [1, double.NaN, 2] };
        method.Invoking(m => m.Backward(net.Losses(), net.Shared)).Should().Throw<InvalidOperationException>().WithMessage("*Recording should give 3 finite weights*NaN*");
        SmallNet.Gradients(net.Shared).Should().AllSatisfy(g => g.Should().BeNull());
    }

    private static Parameter Parameter(double value) => nn.Parameter(tensor(new[] { value }));

    private static IEnumerable<Range> Ranges(int[] sizes)
    {
        var start = 0;
        foreach (var size in sizes)
        {
            yield return start..(start + size);
            start += size;
        }
    }

    private IEnumerable<MicroBatchLosses> Parts(int[] sizes) => Ranges(sizes).Zip(sizes, (range, size) => Part(range, size / 6.0, _ => true));

    private MicroBatchLosses Part(Range rows, double share, Func<int, bool> present, params (string Task, double Share)[] own) => new(
        net.Losses(net.Represent(), present, rows),
        TaskMap.Create(Names.Select(t => (t, own.Where(o => o.Task == t).Select(o => o.Share).DefaultIfEmpty(share).Single()))));

    /// <summary>The mean gradients of the rows of some of the micro-batches.</summary>
    private Tensor Sample(int[] sizes, int[] which)
    {
        var ranges = Ranges(sizes).ToArray();
        var rows = which.Sum(i => sizes[i]);
        return which.Select(i => Jacobian.Of(net.Losses(net.Represent(), rows: ranges[i]), net.Trunk.parameters()).Matrix * ((double)sizes[i] / rows)).Aggregate((a, b) => a + b);
    }

    /// <summary>Weights that are given, and what it was asked.</summary>
    private sealed class Recording() : StochasticWeighting(nameof(Recording))
    {
        public double[] Given { get; init; } = Weights;

        public double[,]? Products { get; private set; }

        public TaskMap<double>? Losses { get; private set; }

        public override double[] Weigh(TaskMap<double> losses, double[,] products)
        {
            (Losses, Products) = (losses, products);
            return Given;
        }
    }
}
