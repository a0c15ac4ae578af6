using FluentAssertions;
using MultiTask.Balancing;
using MultiTask.Tests.Contracts;
using MultiTask.Tests.Fixtures;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace MultiTask.Tests;

public sealed class BalancerTests : IDisposable
{
    private readonly DisposeScope scope = NewDisposeScope();

    public void Dispose() => scope.Dispose();

    [Fact]
    public void Micro_batches_with_unlike_shares_of_labels_sum_to_the_whole_batch()
    {
        // Task a has its labels 1 : 3 over the two micro-batches, b all in the first, c 2 : 2.
        foreach (var make in new Func<Balancer>[] { () => new EqualWeights(), () => new FixedWeights([("a", 2), ("b", 3), ("c", 0.5)]), () => new MGDA(), () => new TrimmedMean() })
        {
            var w = nn.Parameter(tensor(new[] { 0.5, -1, 2 }));
            Tensor Loss(int k) => (w * tensor(new[] { k, Math.Sin(k), Math.Cos(k) })).sum().square();
            MicroBatchLosses[] micro =
            [
                new([("a", Loss(1)), ("b", Loss(2)), ("c", Loss(3))], [("a", 0.25), ("b", 1), ("c", 0.5)]),
                new([("a", Loss(4)), ("c", Loss(5))], [("a", 0.75), ("c", 0.5)]),
            ];
            using var balancer = make();
            balancer.Backward(micro, [w]);
            var found = w.grad!.Values();
            w.grad = null;
            using var twin = make();
            twin.Backward([("a", (0.25 * Loss(1)) + (0.75 * Loss(4))), ("b", Loss(2)), ("c", (0.5 * Loss(3)) + (0.5 * Loss(5)))], [w]);
            w.grad!.Values().Should().Equal(found, (x, y) => Math.Abs(x - y) < 1e-12, balancer.GetName());
        }
    }

    [Fact]
    public void Learned_weights_of_a_transform_take_each_task_by_its_share()
    {
        using var imtl = new IMTLL(["a", "b"]);
        imtl.to(ScalarType.Float64);
        imtl.Backward(
            [
                new MicroBatchLosses([("a", Scalars.Of(("a", 2))["a"]), ("b", Scalars.Of(("b", 3))["b"])], [("a", 0.25), ("b", 1)]),
                new MicroBatchLosses([("a", Scalars.Of(("a", 6))["a"])], [("a", 0.75)]),
            ],
            []);
        imtl.parameters().Select(p => p.grad!.item<double>()).Should().Equal((0.25 * 2) + (0.75 * 6) - 1, 3 - 1);
    }

    [Fact]
    public void Shares_of_tasks_that_are_not_in_the_micro_batch_do_not_count()
    {
        var w = nn.Parameter(tensor(1.0));
        using var balancer = new EqualWeights();
        balancer.Backward([new MicroBatchLosses([("a", w * 3)], [("a", 0.5), ("absent", 0.1)])], [w]);
        w.grad!.item<double>().Should().Be(1.5);
    }

    [Fact]
    public void Weighted_heads_have_the_gradient_of_the_weighted_sum()
    {
        using var net = new SmallNet(3);
        using var balancer = new MGDA { WeightHeads = true };
        balancer.Backward(net.Losses(), net.Shared);
        var found = SmallNet.Gradients(net.All);
        var w = balancer.LastWeights!;
        net.ZeroGradients();
        net.Losses().Select(l => l.Value * w[l.Task]).Aggregate((a, b) => a + b).backward();
        var expected = SmallNet.Gradients(net.All);
        for (var i = 0; i < found.Length; i++)
        {
            (found[i] ?? []).Should().Equal(expected[i] ?? [], (a, b) => Math.Abs(a - b) < 1e-14);
        }
    }

    [Fact]
    public void What_an_aggregator_returns_is_copied_into_the_gradients()
    {
        // An aggregator that remembers its result: an optimizer that zeroes gradients must not zero its memory.
        using var remembering = new Remembering();
        var w = nn.Parameter(tensor(new[] { 1.0, 2 }));
        remembering.Backward([("a", w.square().sum())], [w]);
        w.grad!.zero_();
        remembering.Memory!.Values().Should().Equal(2, 4);
    }

    [Fact]
    public void What_an_aggregator_returns_may_be_laid_out_in_any_way()
    {
        using var strange = new Strange(j => ones(1, ScalarType.Float64).expand(j.Matrix.shape[1]));
        var w = nn.Parameter(zeros([2, 2], ScalarType.Float64));
        strange.Backward([("a", w.sum())], [w]);
        w.grad!.add_(tensor(new double[,] { { 1, 2 }, { 3, 4 } })).Values().Should().Equal(2, 3, 4, 5);
    }

    [Fact]
    public void An_aggregator_that_returns_another_shape_is_told_so()
    {
        using var strange = new Strange(j => j.Matrix);
        var w = nn.Parameter(zeros(3, ScalarType.Float64));
        strange.Invoking(s => s.Backward([("a", w.sum())], [w])).Should().Throw<InvalidOperationException>().WithMessage("Strange*[3]*[1, 3]*");
        w.grad.Should().BeNull();
    }

    [Fact]
    public void A_weighting_that_returns_nonsense_is_told_so()
    {
        foreach (var weights in new double[][] { [1], [1, 2, 3], [1, double.NaN] })
        {
            using var losses = new Given(weights);
            losses.Invoking(g => g.Backward(Scalars.Of(("a", 1), ("b", 2)), [])).Should().Throw<InvalidOperationException>().WithMessage("Given*2 finite weights*'a', 'b'*");
        }
    }

    [Fact]
    public void Shares_are_checked()
    {
        var losses = Scalars.Of(("a", 1));
        foreach (var share in new[] { 0, -1, 1.5, double.NaN })
        {
            FluentActions.Invoking(() => new MicroBatchLosses(losses, [("a", share)])).Should().Throw<ArgumentException>().WithMessage($"*'a'*(0, 1]*{share}*");
        }

        FluentActions.Invoking(() => new MicroBatchLosses(losses, [("b", 1)])).Should().Throw<ArgumentException>().WithMessage("*'a'*none*");
    }

    [Fact]
    public void The_representation_must_be_cut_and_of_one_shape()
    {
        using var mgda = new MGDA();
        var z = ones(2, ScalarType.Float64).requires_grad_();
        TaskMap<Tensor> losses = [("a", z.sum())];
        mgda.Invoking(m => m.Backward(losses, new Representation(z))).Should().Throw<ArgumentException>().WithMessage("*Cut()*not cut*");
        var unlike = new Representation(task => task == "a" ? z : cat([z, z])).Cut();
        unlike.For("a");
        unlike.Invoking(r => r.For("b")).Should().Throw<ArgumentException>().WithMessage("*one shape*[2]*'a'*[4]*'b'*");
    }

    [Fact]
    public void A_method_that_remembers_gradients_is_refused_at_the_representation()
    {
        using var method = new LogLosses(new RemembersRows());
        var z = new Representation(ones(2, ScalarType.Float64).requires_grad_()).Cut();
        method.Invoking(m => m.Backward([("a", z.Shared!.sum())], z)).Should().Throw<ArgumentException>().WithMessage("LogLosses remembers gradients*");
    }

    /// <summary>By hand: ℓ₁ = 3 z₁ with z₁ = 2 x, ℓ₂ = 4 z₂ with z₂ = −x. Their gradients by their representations are 3 and 4.</summary>
    [Fact]
    public void Each_representation_gets_its_own_weighted_gradient()
    {
        var x = tensor(1.0).requires_grad_();
        var z = new Representation(task => task == "a" ? x * 2 : -x).Cut();
        TaskMap<Tensor> losses = [("a", z.For("a") * 3), ("b", z.For("b") * 4)];
        using var mgda = new MGDA();
        mgda.Backward(losses, z);
        mgda.LastGramian![0, 1].Should().Be(12);
        mgda.LastWeights!.Values.Should().Equal(1, 0);
        x.grad!.item<double>().Should().Be(6);

        x.grad = null;
        var again = new Representation(task => task == "a" ? x * 2 : -x).Cut();
        using var mean = new TrimmedMean(0);
        mean.Backward([("a", again.For("a") * 3), ("b", again.For("b") * 4)], again);
        x.grad!.item<double>().Should().Be((3.5 / 2 * 2) - (3.5 / 2)); // d = 3.5, half of it through each
    }

    [Fact]
    public void A_frozen_trunk_is_left_alone_when_balancing_at_the_representation()
    {
        var z = new Representation(ones(2, ScalarType.Float64)).Cut();
        var head = nn.Parameter(tensor(new[] { 3.0, 4 }));
        using var mgda = new MGDA();
        mgda.Backward([("a", (z.Shared! * head).sum())], z);
        head.grad!.Values().Should().Equal(1, 1);
    }

    [Fact]
    public void The_clock_reaches_the_inner_balancer_of_a_transform()
    {
        using var dwa = new LogLosses(new DWA(["a", "b"]));
        foreach (var (a, b) in new[] { (Math.E, Math.E), (Math.E, Math.Exp(4)) })
        {
            dwa.Backward(Scalars.Of(("a", a), ("b", b)), []);
            dwa.EndEpoch();
        }

        dwa.Backward(Scalars.Of(("a", 2), ("b", 2)), []);
        dwa.LastWeights!["b"].Should().BeApproximately(2 * Math.Exp(2) / (Math.Exp(2) + Math.Exp(0.5)), 1e-12);
        dwa.Reset();
        dwa.Backward(Scalars.Of(("a", 2), ("b", 2)), []);
        dwa.LastWeights!.Values.Should().Equal(1, 1);
    }

    private sealed class Remembering() : GradientAggregator(nameof(Remembering))
    {
        public Tensor? Memory { get; private set; }

        public override Tensor Aggregate(Jacobian jacobian)
        {
            Memory = jacobian.Matrix.sum(dim: 0).DetachFromDisposeScope();
            return Memory;
        }
    }

    private sealed class Strange(Func<Jacobian, Tensor> aggregate) : GradientAggregator(nameof(Strange))
    {
        public override Tensor Aggregate(Jacobian jacobian) => aggregate(jacobian);
    }

    private sealed class Given(double[] weights) : LossWeighting(nameof(Given))
    {
        public override double[] Weigh(TaskMap<double> losses) => weights;
    }

    private sealed class RemembersRows() : GradientAggregator(nameof(RemembersRows))
    {
        public override bool RemembersGradients => true;

        public override Tensor Aggregate(Jacobian jacobian) => jacobian.Matrix.sum(dim: 0);
    }
}
