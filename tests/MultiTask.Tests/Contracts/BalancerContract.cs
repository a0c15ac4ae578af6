using FluentAssertions;
using TorchSharp;
using static TorchSharp.torch;

namespace MultiTask.Tests.Contracts;

/// <summary>What every balancer promises, for every balancer there is.</summary>
public sealed class BalancerContract : IDisposable
{
    private readonly DisposeScope scope = NewDisposeScope();

    public static TheoryData<Type> All => Concrete.TheoryOf<Balancer>();

    public void Dispose() => scope.Dispose();

    [Theory]
    [MemberData(nameof(All))]
    public void Is_sealed(Type type) => type.IsSealed.Should().BeTrue();

    [Theory]
    [MemberData(nameof(All))]
    public void Gives_each_leaf_what_its_rung_says(Type type)
    {
        foreach (var count in new[] { 1, 2, 5 })
        {
            var names = Concrete.Names(count);
            using var net = new SmallNet(count);
            using var balancer = Concrete.Balancer(type, names, net);
            using var twin = Concrete.Balancer(type, names, net);
            balancer.Backward(net.Losses(), net.Shared);
            var found = SmallNet.Gradients(net.All);
            net.ZeroGradients();
            Reference(twin, net);
            var expected = SmallNet.Gradients(net.All);
            Same(found, expected, 1e-12, $"{type.Name} with {count} tasks");
            SmallNet.Gradients(net.Unused.parameters()).Should().AllSatisfy(g => g.Should().BeNull());
        }
    }

    [Theory]
    [MemberData(nameof(All))]
    public void Accumulates_onto_what_is_there(Type type)
    {
        using var net = new SmallNet(3);
        using var first = Concrete.Balancer(type, Concrete.Names(3), net);
        using var second = Concrete.Balancer(type, Concrete.Names(3), net);
        first.Backward(net.Losses(), net.Shared);
        var once = SmallNet.Gradients(net.All);
        foreach (var p in net.All)
        {
            p.grad = ones_like(p);
        }

        second.Backward(net.Losses(), net.Shared);
        var added = SmallNet.Gradients(net.All).Select((g, i) => once[i] is null ? null : Array.ConvertAll(g!, v => v - 1)).ToArray();
        Same(added, once, 1e-12, type.Name);
        SmallNet.Gradients(net.Unused.parameters()).Should().AllSatisfy(g => g.Should().OnlyContain(v => v == 1));
    }

    [Theory]
    [MemberData(nameof(All))]
    public void Reaches_the_gradients_of_its_own_parameters(Type type)
    {
        using var net = new SmallNet(2);
        using var balancer = Concrete.Balancer(type, Concrete.Names(2), net);
        balancer.Backward(net.Losses(), net.Shared);
        balancer.parameters().Where(p => p.grad is null).Should().BeEmpty();
    }

    [Theory]
    [MemberData(nameof(All))]
    public void Takes_batches_that_lack_tasks(Type type)
    {
        using var net = new SmallNet(4);
        using var balancer = Concrete.Balancer(type, Concrete.Names(4), net);
        foreach (var present in new Func<int, bool>[] { i => i != 1, i => i == 2, _ => true })
        {
            net.ZeroGradients();
            balancer.Backward(net.Losses(present), net.Shared);
            for (var i = 0; i < 4; i++)
            {
                SmallNet.Gradients(net.Head(i)).Should().AllSatisfy(g => (g is not null).Should().Be(present(i)));
            }

            SmallNet.Gradients(net.Trunk.parameters()).Should().AllSatisfy(g => g.Should().NotBeNull().And.OnlyContain(v => double.IsFinite(v)));
        }
    }

    [Theory]
    [MemberData(nameof(All))]
    public void Works_in_float32(Type type)
    {
        using var net = new SmallNet(3, ScalarType.Float32);
        using var exact = new SmallNet(3);
        using var off = no_grad();
        foreach (var (p, q) in net.All.Zip(exact.All))
        {
            q.copy_(p);
        }

        using var on = enable_grad();
        using var first = Concrete.Balancer(type, Concrete.Names(3), net);
        first.Backward(net.Losses(), net.Shared);
        SmallNet.Gradients(net.Trunk.parameters()).Should().AllSatisfy(g => g.Should().NotBeNull().And.OnlyContain(v => double.IsFinite(v)));
        net.Trunk.parameters().Should().AllSatisfy(p => p.grad!.dtype.Should().Be(ScalarType.Float32));
    }

    [Theory]
    [MemberData(nameof(All))]
    public void Leaves_every_gradient_to_its_own_loss_where_nothing_is_shared(Type type)
    {
        using var net = new SmallNet(2);
        using var balancer = Concrete.Balancer(type, Concrete.Names(2), net);
        balancer.Backward(net.Losses(), []);
        SmallNet.Gradients(net.Trunk.parameters()).Should().AllSatisfy(g => g.Should().NotBeNull());
    }

    [Theory]
    [MemberData(nameof(All))]
    public void Balances_at_the_representation(Type type)
    {
        using var net = new SmallNet(3);
        using var balancer = Concrete.Balancer(type, Concrete.Names(3), net);
        using var twin = Concrete.Balancer(type, Concrete.Names(3), net);
        var z = new Representation(net.Represent()).Cut();
        if (balancer.AtParametersOnly)
        {
            balancer.Invoking(b => b.Backward(net.Losses(z), z)).Should().Throw<ArgumentException>().WithMessage($"{type.Name}*balance at the shared parameters*");
            return;
        }

        balancer.Backward(net.Losses(z), z);
        var found = SmallNet.Gradients(net.All);
        net.ZeroGradients();

        var leaf = net.Represent().detach().requires_grad_();
        var parameter = nn.Parameter(leaf);
        twin.Backward(net.Losses(parameter), [parameter]);
        net.Represent().backward([parameter.grad!]);
        Same(found, SmallNet.Gradients(net.All), 1e-12, type.Name);
    }

    [Theory]
    [MemberData(nameof(All))]
    public void Treats_representations_of_tasks_that_are_the_same_as_one(Type type)
    {
        using var net = new SmallNet(3);
        using var balancer = Concrete.Balancer(type, Concrete.Names(3), net);
        using var twin = Concrete.Balancer(type, Concrete.Names(3), net);
        if (balancer.AtParametersOnly)
        {
            return;
        }

        var each = net.Represent();
        var own = new Representation(_ => each).Cut();
        balancer.Backward(net.Losses(own), own);
        var found = SmallNet.Gradients(net.All);
        net.ZeroGradients();
        var one = new Representation(net.Represent()).Cut();
        twin.Backward(net.Losses(one), one);
        Same(found, SmallNet.Gradients(net.All), 1e-12, type.Name);
    }

    [Theory]
    [MemberData(nameof(All))]
    public void Accumulates_micro_batches(Type type)
    {
        using var net = new SmallNet(3);
        using var balancer = Concrete.Balancer(type, Concrete.Names(3), net);
        using var twin = Concrete.Balancer(type, Concrete.Names(3), net);
        var half = Concrete.Names(3).Select(t => (t, 0.5)).ToArray();
        balancer.Backward(Halves(), net.Shared);
        var found = SmallNet.Gradients(net.All);
        found.SkipLast(2).Should().AllSatisfy(g => g.Should().NotBeNull().And.OnlyContain(v => double.IsFinite(v)));
        if (Innermost(balancer) is not GradientAggregator || balancer is LossTransform)
        {
            return;
        }

        net.ZeroGradients();
        twin.Backward(net.Losses(), net.Shared);
        Same(found, SmallNet.Gradients(net.All), 1e-9, type.Name);

        IEnumerable<MicroBatchLosses> Halves()
        {
            yield return new(net.Losses(net.Represent(), rows: ..3), TaskMap.Create(half));
            yield return new(net.Losses(net.Represent(), rows: 3..), TaskMap.Create(half));
        }
    }

    [Theory]
    [MemberData(nameof(All))]
    public void Leaves_no_tensor_behind(Type type)
    {
        using var net = new SmallNet(3);
        using var balancer = Concrete.Balancer(type, Concrete.Names(3), net);
        for (var step = 0; step < 3; step++)
        {
            using var step_scope = NewDisposeScope();
            var losses = net.Losses();
            var before = DisposeScopeManager.Statistics.ThreadTotalLiveCount;
            balancer.Backward(losses, net.Shared);
            DisposeScopeManager.Statistics.ThreadTotalLiveCount.Should().Be(before);
            losses.Values.Should().AllSatisfy(l => l.IsInvalid.Should().BeFalse());
            balancer.EndStep(() => net.Losses());
            balancer.EndEpoch();
        }
    }

    [Theory]
    [MemberData(nameof(All))]
    public void Continues_from_its_saved_state(Type type)
    {
        using var net = new SmallNet(3);
        using var balancer = Concrete.Balancer(type, Concrete.Names(3), net);
        using var resumed = Concrete.Balancer(type, Concrete.Names(3), net);
        for (var step = 0; step < 4; step++)
        {
            balancer.Backward(net.Losses(), net.Shared);
            balancer.EndStep(() => net.Losses());
            balancer.EndEpoch();
            Nudge(balancer);
        }

        resumed.load_state_dict(balancer.state_dict());
        net.ZeroGradients();
        balancer.Backward(net.Losses(), net.Shared);
        var expected = SmallNet.Gradients(net.All);
        net.ZeroGradients();
        resumed.Backward(net.Losses(), net.Shared);
        Same(SmallNet.Gradients(net.All), expected, 0, type.Name);
    }

    [Theory]
    [MemberData(nameof(All))]
    public void Leaves_the_memory_of_absent_tasks_alone(Type type)
    {
        using var net = new SmallNet(3);
        using var balancer = Concrete.Balancer(type, Concrete.Names(3), net);
        Step(_ => true);
        Step(_ => true);
        var before = Memory("task1");
        Step(i => i != 1);
        Memory("task1").Should().Equal(before);

        void Step(Func<int, bool> present)
        {
            balancer.Backward(net.Losses(present), net.Shared);
            balancer.EndStep(() => net.Losses(present));
        }

        Dictionary<string, string> Memory(string task) => balancer.state_dict()
            .Where(p => p.Key.Contains(task))
            .ToDictionary(p => p.Key, p => Convert.ToHexString(p.Value.bytes));
    }

    [Theory]
    [MemberData(nameof(All))]
    public void Keeps_its_memory_when_a_task_is_added(Type type)
    {
        using var net = new SmallNet(3);
        using var two = Concrete.Balancer(type, Concrete.Names(2), net);
        using var three = Concrete.Balancer(type, Concrete.Names(3), net);
        for (var step = 0; step < 2; step++)
        {
            two.Backward(net.Losses(i => i < 2), net.Shared);
            two.EndStep(() => net.Losses(i => i < 2));
            two.EndEpoch();
            Nudge(two);
        }

        three.load_state_dict(two.state_dict(), strict: false);
        foreach (var (name, value) in two.state_dict())
        {
            three.state_dict()[name].bytes.ToArray().Should().Equal(value.bytes.ToArray(), name);
        }

        three.Backward(net.Losses(), net.Shared);
        SmallNet.Gradients(net.Trunk.parameters()).Should().AllSatisfy(g => g.Should().NotBeNull().And.OnlyContain(v => double.IsFinite(v)));
    }

    [Theory]
    [MemberData(nameof(All))]
    public void Is_deterministic_and_leaves_the_global_random_numbers_alone(Type type)
    {
        using var net = new SmallNet(3);
        var before = get_rng_state().data<byte>().ToArray();
        double[]?[] Run()
        {
            using var balancer = Concrete.Balancer(type, Concrete.Names(3), net);
            net.ZeroGradients();
            balancer.Backward(net.Losses(), net.Shared);
            balancer.Backward(net.Losses(), net.Shared);
            return SmallNet.Gradients(net.All);
        }

        Same(Run(), Run(), 0, type.Name);
        get_rng_state().data<byte>().ToArray().Should().Equal(before);
    }

    [Theory]
    [MemberData(nameof(All))]
    public void Works_after_a_conversion_of_its_dtype(Type type)
    {
        using var net = new SmallNet(2);
        using var balancer = Concrete.Balancer(type, Concrete.Names(2), net);
        balancer.to(ScalarType.Float64);
        balancer.Backward(net.Losses(), net.Shared);
        balancer.to(ScalarType.Float32);
        balancer.Backward(net.Losses(), net.Shared);
        balancer.Reset();
        balancer.Backward(net.Losses(), net.Shared);
        SmallNet.Gradients(net.Trunk.parameters()).Should().AllSatisfy(g => g.Should().NotBeNull());
    }

    [Theory]
    [MemberData(nameof(All))]
    public void Refuses_bad_losses_before_it_touches_a_gradient(Type type)
    {
        using var net = new SmallNet(2);
        using var balancer = Concrete.Balancer(type, Concrete.Names(2), net);
        var good = net.Losses();
        TaskMap<Tensor> With(Tensor bad) => [("task0", good["task0"]), ("task1", bad)];

        Backward([]).Should().Throw<ArgumentException>().WithMessage("*at least one loss*");
        Backward(With(good["task1"].reshape(1))).Should().Throw<ArgumentException>().WithMessage("*'task1'*scalar*[1]*");
        Backward(With(tensor(1.0))).Should().Throw<ArgumentException>().WithMessage("*'task1'*requires a gradient*");
        Backward(With(good["task1"] * double.NaN)).Should().Throw<NonFiniteException>().Which.Task.Should().Be("task1");
        Backward(With(good["task1"] * double.PositiveInfinity)).Should().Throw<NonFiniteException>().WithMessage("*'task1'*loss*");
        net.Invoking(n => balancer.Backward(good, n.Shared.Append(n.Shared.First()))).Should().Throw<ArgumentException>().WithMessage("*twice*");
        SmallNet.Gradients(net.All).Should().AllSatisfy(g => g.Should().BeNull());
        Action Backward(TaskMap<Tensor> losses) => () => balancer.Backward(losses, net.Shared);
    }

    [Theory]
    [MemberData(nameof(All))]
    public void Restores_the_shared_gradients_when_a_graph_is_gone(Type type)
    {
        using var net = new SmallNet(2);
        using var balancer = Concrete.Balancer(type, Concrete.Names(2), net);
        var losses = net.Losses();
        losses["task1"].backward();
        foreach (var p in net.Shared)
        {
            p.grad = full_like(p, 3);
        }

        FluentActions.Invoking(() => balancer.Backward(losses, net.Shared)).Should().Throw<Exception>();
        SmallNet.Gradients(net.Unused.parameters()).Should().AllSatisfy(g => g.Should().OnlyContain(v => v == 3));
        if (Innermost(balancer) is GradientAggregator)
        {
            SmallNet.Gradients(net.Shared).Should().AllSatisfy(g => g.Should().OnlyContain(v => v == 3));
        }
    }

    [Theory]
    [MemberData(nameof(All))]
    public void Refuses_a_batch_without_micro_batches(Type type)
    {
        using var net = new SmallNet(2);
        using var balancer = Concrete.Balancer(type, Concrete.Names(2), net);
        balancer.Invoking(b => b.Backward(Enumerable.Empty<MicroBatchLosses>(), net.Shared)).Should().Throw<ArgumentException>().WithMessage("*at least one micro-batch*none*");
        SmallNet.Gradients(net.All).Should().AllSatisfy(g => g.Should().BeNull());
    }

    /// <summary>The rung's definition, without the seam.</summary>
    private static void Reference(Balancer balancer, SmallNet net)
    {
        switch (balancer)
        {
            case Scalarizer scalarizer:
                scalarizer.Scalarize(net.Losses()).backward();
                break;
            case GradientAggregator aggregator:
                AggregateReference(aggregator, net, net.Losses());
                break;
            case LossTransform { Inner: GradientAggregator aggregator } transform:
                AggregateReference(aggregator, net, transform.Transform(net.Losses()));
                break;
            default:
                balancer.Backward(net.Losses(), net.Shared);
                break;
        }
    }

    private static void AggregateReference(GradientAggregator aggregator, SmallNet net, TaskMap<Tensor> losses)
    {
        var shared = net.Shared.ToArray();
        var gradient = aggregator.Aggregate(Jacobian.Of(losses, shared));
        losses.Values.Aggregate((a, b) => a + b).backward();
        var offset = 0L;
        foreach (var p in shared)
        {
            p.grad = p.grad is null ? null : gradient.narrow(0, offset, p.numel()).reshape(p.shape);
            offset += p.numel();
        }
    }

    private static Balancer Innermost(Balancer balancer) => balancer is LossTransform transform ? Innermost(transform.Inner) : balancer;

    private static void Nudge(Balancer balancer)
    {
        using var off = no_grad();
        foreach (var p in balancer.parameters())
        {
            p.add_(0.1);
        }
    }

    internal static void Same(double[]?[] found, double[]?[] expected, double tolerance, string because)
    {
        found.Length.Should().Be(expected.Length);
        for (var i = 0; i < found.Length; i++)
        {
            (found[i] is null).Should().Be(expected[i] is null, "{0}, parameter {1}", because, i);
            for (var k = 0; k < (found[i]?.Length ?? 0); k++)
            {
                found[i]![k].Should().BeApproximately(expected[i]![k], tolerance * (1 + Math.Abs(expected[i]![k])), "{0}, parameter {1}", because, i);
            }
        }
    }
}
