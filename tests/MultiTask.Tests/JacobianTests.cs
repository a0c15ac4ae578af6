using FluentAssertions;
using MultiTask.Balancing;
using MultiTask.Tests.Contracts;
using MultiTask.Tests.Fixtures;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace MultiTask.Tests;

public sealed class JacobianTests : IDisposable
{
    private readonly DisposeScope scope = NewDisposeScope();

    public void Dispose() => scope.Dispose();

    [Fact]
    public void Rows_are_the_finite_differences_of_the_losses()
    {
        using var net = new SmallNet(3);
        var parameters = net.Trunk.parameters().ToArray();
        var jacobian = Jacobian.Of(net.Losses(), parameters);
        jacobian.Tasks.Should().Equal("task0", "task1", "task2");
        jacobian.Losses.Values.Should().Equal(net.Losses().Values.Select(l => l.item<double>()));

        const double Step = 1e-6;
        using var off = no_grad();
        var column = 0;
        foreach (var p in parameters)
        {
            var flat = p.view(-1);
            for (var k = 0L; k < p.numel(); k++, column++)
            {
                flat[k].add_(Step);
                var above = net.Losses().Values.Select(l => l.item<double>()).ToArray();
                flat[k].sub_(2 * Step);
                var below = net.Losses().Values.Select(l => l.item<double>()).ToArray();
                flat[k].add_(Step);
                for (var i = 0; i < 3; i++)
                {
                    jacobian.Matrix[i, column].item<double>().Should().BeApproximately((above[i] - below[i]) / (2 * Step), 1e-7);
                }
            }
        }

        jacobian.Matrix.shape.Should().Equal(3, column);
    }

    [Fact]
    public void Leaves_every_gradient_as_it_was_and_the_graph_usable()
    {
        using var net = new SmallNet(2);
        var losses = net.Losses();
        net.Trunk.parameters().First().grad = full_like(net.Trunk.parameters().First(), 5);
        var before = SmallNet.Gradients(net.All);
        var first = Jacobian.Of(losses, net.Shared);
        SmallNet.Gradients(net.All).Should().BeEquivalentTo(before, o => o.WithStrictOrdering());
        Jacobian.Of(losses, net.Shared).Matrix.Values().Should().Equal(first.Matrix.Values());
        new EqualWeights().Backward(losses, net.Shared);
        net.Head(0).First().grad.Should().NotBeNull();
    }

    [Fact]
    public void Without_leaves_it_is_empty_and_still_leaves_every_gradient_as_it_was()
    {
        using var net = new SmallNet(2);
        var jacobian = Jacobian.Of(net.Losses(), []);
        jacobian.Matrix.shape.Should().Equal(2, 0);
        SmallNet.Gradients(net.All).Should().AllSatisfy(g => g.Should().BeNull());
        jacobian.ToGramian()[0, 1].Should().Be(0);
    }

    [Fact]
    public void Parameters_that_a_loss_does_not_reach_are_zeros_in_its_row()
    {
        var (a, b, unused) = (Leaf(1, 2), Leaf(3), Leaf(7, 7));
        var jacobian = Jacobian.Of([("both", a.sum() * b.sum()), ("first", a.square().sum()), ("second", b.sum())], [a, unused, b]);
        jacobian.Matrix.Values().Should().Equal(3, 3, 0, 0, 3, /**/ 2, 4, 0, 0, 0, /**/ 0, 0, 0, 0, 1);
    }

    [Fact]
    public void A_parameter_that_is_used_twice_gets_both_parts()
    {
        var w = Leaf(2);
        Jacobian.Of([("twice", (w * w * w).sum() + w.sum())], [w]).Matrix.Values().Should().Equal((3 * 4) + 1);
    }

    [Fact]
    public void A_frozen_parameter_has_no_columns()
    {
        var (a, frozen) = (Leaf(1, 2), Leaf(5));
        frozen.requires_grad = false;
        Jacobian.Of([("t", a.sum() * frozen.sum())], [frozen, a]).Matrix.Values().Should().Equal(5, 5);
    }

    [Fact]
    public void Frozen_shared_parameters_are_passed_over_by_balancers()
    {
        using var net = new SmallNet(2);
        foreach (var p in net.Trunk.parameters().Take(2))
        {
            p.requires_grad = false;
        }

        using var mgda = new MGDA();
        mgda.Backward(net.Losses(), net.Shared);
        SmallNet.Gradients(net.Trunk.parameters()).Select(g => g is null).Should().Equal(true, true, false, false);
    }

    [Fact]
    public void Gradients_that_are_not_contiguous_are_laid_out_by_rows()
    {
        var w = nn.Parameter(zeros([2, 3], ScalarType.Float64));
        var c = tensor(new double[] { 1, 2, 3, 4, 5, 6 }).reshape(3, 2);

        // The gradient by w is cᵀ, a transposed view.
        var jacobian = Jacobian.Of([("t", (w.t() * c).sum()), ("u", w.t().matmul(ones([2, 1], ScalarType.Float64)).sum())], [w]);
        jacobian.Matrix.Values().Should().Equal(1, 3, 5, 2, 4, 6, /**/ 1, 1, 1, 1, 1, 1);
        using var sum = new TrimmedMean();
        sum.Backward([("t", (w.t() * c).sum())], [w]);
        w.grad!.Values().Should().Equal(1, 3, 5, 2, 4, 6);
    }

    /// <summary>Autograd may give two leaves one memory for their gradients: what is added to the one is not added to the other.</summary>
    [Fact]
    public void Gradients_that_share_memory_are_added_up_apart()
    {
        var (a, b) = (nn.Parameter(tensor(new[,] { { 1.0, 2 }, { 3, 4 } })), nn.Parameter(tensor(new[,] { { 0.5, 0 }, { 1, -1 } })));
        Loss().backward();
        System.Runtime.CompilerServices.Unsafe.AreSame(ref a.grad!.bytes[0], ref b.grad!.bytes[0]).Should().BeTrue("otherwise this tests nothing");
        (a.grad, b.grad) = (null, null);

        Jacobian.OfMicroBatches([Half(), Half(), Half()], [a, b]).Matrix.Values().Should().Equal(4.5, 6, 12, 9, 4.5, 6, 12, 9);
        using var sum = new SumGradient();
        sum.Backward([Half(), Half(), Half()], [a, b]);
        a.grad!.Values().Should().Equal(4.5, 6, 12, 9);
        b.grad!.Values().Should().Equal(4.5, 6, 12, 9);

        Tensor Loss() => (a.view(-1) + b.view(-1)).square().sum();

        MicroBatchLosses Half() => new([("t", Loss())], [("t", 0.5)]);
    }

    [Fact]
    public void Parameters_of_several_dtypes_meet_in_the_widest_and_get_gradients_of_their_own()
    {
        var narrow = nn.Parameter(tensor(new[] { 1f, 2f }));
        var wide = nn.Parameter(tensor(new[] { 3.0 }));
        TaskMap<Tensor> Losses() => [("a", narrow.to(ScalarType.Float64).sum() * wide.sum()), ("b", narrow.square().sum() + wide.to(ScalarType.Float32).sum())];
        var jacobian = Jacobian.Of(Losses(), [narrow, wide]);
        jacobian.Matrix.dtype.Should().Be(ScalarType.Float64);
        jacobian.Matrix.Values().Should().Equal(3, 3, 3, /**/ 2, 4, 1);
        using var mgda = new MGDA();
        mgda.Backward(Losses(), [narrow, wide]);
        (narrow.grad!.dtype, wide.grad!.dtype).Should().Be((ScalarType.Float32, ScalarType.Float64));
    }

    [Fact]
    public void Sparse_gradients_are_rows_as_any()
    {
        var table = Embedding(5, 2, sparse: true, dtype: ScalarType.Float64);
        var jacobian = Jacobian.Of([("a", table.call(tensor(new long[] { 1, 1, 3 })).sum()), ("b", table.call(tensor(new long[] { 0 })).sum() * 4)], table.parameters());
        jacobian.Matrix.Values().Should().Equal(0, 0, 2, 2, 0, 0, 1, 1, 0, 0, /**/ 4, 4, 0, 0, 0, 0, 0, 0, 0, 0);
    }

    [Fact]
    public void A_trunk_with_batch_norm_is_differentiated_like_any()
    {
        var trunk = Sequential(Linear(3, 4), BatchNorm1d(4), Tanh());
        trunk.to(ScalarType.Float64);
        var x = randn([6, 3], ScalarType.Float64, generator: new Generator(1));
        ExpectRowsOfBackward(trunk.parameters(), () =>
        {
            var z = trunk.call(x);
            return [("a", z.square().mean()), ("b", z.sum())];
        });
    }

    [Fact]
    public void A_trunk_with_an_LSTM_is_differentiated_like_any()
    {
        var lstm = LSTM(3, 4, batchFirst: true, dtype: ScalarType.Float64);
        var x = randn([2, 5, 3], ScalarType.Float64, generator: new Generator(1));
        ExpectRowsOfBackward(lstm.parameters(), () =>
        {
            var (z, _, _) = lstm.call(x);
            return [("a", z.square().mean()), ("b", z[.., -1].sum())];
        });
    }

    [Fact]
    public void Weights_tied_between_trunk_and_head_hold_both_parts()
    {
        using var generator = new Generator(1);
        var table = Leaf(0.3, -0.7, 0.2, 0.9).view(2, 2);
        var tied = nn.Parameter(table.detach());
        TaskMap<Tensor> Losses()
        {
            var z = tied[0].tanh();
            return [("tied", tied.matmul(z).square().sum()), ("own", z.sum())];
        }

        ExpectRowsOfBackward([tied], Losses);
        using var equal = new EqualWeights();
        using var mgda = new MGDA();
        mgda.Backward(Losses(), [tied]);
        var g = Jacobian.Of(Losses(), [tied]).Combine(mgda.LastWeights!.Values).Values();
        tied.grad!.Values().Should().Equal(g, (a, b) => Math.Abs(a - b) < 1e-14);
    }

    [Fact]
    public void A_gradient_that_is_not_finite_names_its_task_and_its_value_on_every_gradient_rung()
    {
        foreach (var make in new Func<Balancer>[] { () => new MGDA(), () => new GradDrop(), () => new TrimmedMean(), () => new MGDA { WeightHeads = true } })
        {
            var w = Leaf(0, 1);
            w.grad = full_like(w, 3);
            using var balancer = make();

            // √ at 0: the loss is finite, its gradient is not.
            var bad = balancer.Invoking(b => b.Backward([("good", w.sum()), ("bad", w.sqrt().sum())], [w])).Should().Throw<NonFiniteException>().Which;
            (bad.Task, bad.What, bad.Value).Should().Be(("bad", "gradient", double.PositiveInfinity), balancer.GetName());
            w.grad!.Values().Should().Equal(3, 3);
        }
    }

    /// <remarks>Losses that nobody had looked at yet had the value 0 in the Jacobian, and were not checked.</remarks>
    [Fact]
    public void Micro_batches_of_ones_own_are_checked_and_their_losses_known()
    {
        var a = Leaf(1, 2);
        var jacobian = Jacobian.OfMicroBatches([new([("t", a.sum())], [("t", 0.25)]), new([("t", 2 * a.sum())], [("t", 0.75)])], [a]);
        jacobian.Losses["t"].Should().Be((0.25 * 3) + (0.75 * 6));
        jacobian.Matrix.Values().Should().Equal(1.75, 1.75);
        FluentActions.Invoking(() => Jacobian.OfMicroBatches([], [a])).Should().Throw<ArgumentException>().WithMessage("*at least one micro-batch*none*");
        FluentActions.Invoking(() => Jacobian.OfMicroBatches([new([("t", a * 2)])], [a])).Should().Throw<ArgumentException>().WithMessage("*'t'*scalar*[2]*");
        FluentActions.Invoking(() => Jacobian.OfMicroBatches([new([("t", a.sum() * double.NaN)])], [a])).Should().Throw<NonFiniteException>();
    }

    [Fact]
    public void Refuses_leaves_that_are_none()
    {
        var a = Leaf(1, 2);
        TaskMap<Tensor> losses = [("t", a.sum())];
        FluentActions.Invoking(() => Jacobian.Of(losses, [a, a])).Should().Throw<ArgumentException>().WithMessage("*distinct*Parameter 1*[2]*twice*");
        FluentActions.Invoking(() => Jacobian.Of(losses, [a * 2])).Should().Throw<ArgumentException>().WithMessage("*leaves*Parameter 0*[2]*");
        FluentActions.Invoking(() => Jacobian.Of(losses, [null!])).Should().Throw<ArgumentException>().WithMessage("*0*null*");
        FluentActions.Invoking(() => Jacobian.Of(losses, [a, ones(1, device: META).requires_grad_()])).Should().Throw<ArgumentException>().WithMessage("*one device*cpu*meta*");
        FluentActions.Invoking(() => Jacobian.Of([], [a])).Should().Throw<ArgumentException>().WithMessage("*at least one loss*");
    }

    [Fact]
    public void Combine_is_the_weighted_sum_of_the_rows()
    {
        Jacobians.Of([1, 2], [10, 20], [100, 200]).Combine([1, 0.5, -2]).Values().Should().Equal(1 + 5 - 200, 2 + 10 - 400);
        Jacobians.Of(ScalarType.Float32, [1, 2], [10, 20]).Combine([1, 2]).dtype.Should().Be(ScalarType.Float32);
    }

    private static Parameter Leaf(params double[] values) => nn.Parameter(tensor(values));

    private static void ExpectRowsOfBackward(IEnumerable<Tensor> parameters, Func<TaskMap<Tensor>> losses)
    {
        var leaves = parameters.ToArray();
        var jacobian = Jacobian.Of(losses(), leaves);
        for (var i = 0; i < jacobian.Tasks.Count; i++)
        {
            losses().Values[i].backward();
            var row = leaves.SelectMany(p => p.grad is { } g ? g.Values() : new double[p.numel()]);
            jacobian.Matrix[i].Values().Should().Equal(row, (a, b) => Math.Abs(a - b) <= 1e-14, "task {0}", i);
            foreach (var leaf in leaves)
            {
                leaf.grad = null;
            }
        }
    }
}
