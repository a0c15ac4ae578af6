using FluentAssertions;
using MultiTask.Balancing;
using MultiTask.Tests.Contracts;
using MultiTask.Tests.Fixtures;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace MultiTask.Tests.Balancing;

public sealed class GradNormTests : IDisposable
{
    private readonly DisposeScope scope = NewDisposeScope();

    public void Dispose() => scope.Dispose();

    [Fact]
    public void Steps_are_those_of_algorithm_1()
    {
        using var theta = Matrix();
        using var method = new GradNorm(["a", "b", "c"], alpha: 1.5, rate: 0.025, initialLosses: [("a", 1), ("b", 2), ("c", 4)]);
        double[] norms = [3, 1, 10];
        double[] losses = [0.5, 1.8, 1];
        var adam = new HandAdam([1, 1, 1], 0.025);
        for (var step = 0; step < 20; step++)
        {
            theta.grad = null;
            method.Backward(Linear(theta, norms, losses), [theta]);
            Same(method.LastWeights!.Values, adam.Values, 1e-12);
            theta.grad!.Values().Sum().Should().BeApproximately(Gramians.Dot(norms, adam.Values) / 2 * 4, 1e-9, "weights are those before the update");

            double[] ratios = [losses[0] / 1, losses[1] / 2, losses[2] / 4];
            double[] g = [.. norms.Zip(adam.Values, (n, w) => n * w)];
            adam.Step([.. g.Select((v, i) => Math.Sign(v - (g.Average() * Math.Pow(ratios[i] / ratios.Average(), 1.5))) * norms[i])]);
            var sum = adam.Values.Sum();
            for (var i = 0; i < 3; i++)
            {
                adam.Values[i] *= 3 / sum;
            }
        }
    }

    [Fact]
    public void With_alpha_0_the_gradients_become_equally_long()
    {
        var g = Settled(alpha: 0, [("a", 1), ("b", 7), ("c", 0.01)]);
        g.Should().OnlyContain(v => Math.Abs(v - g.Average()) < 0.05 * g.Average());
    }

    [Fact]
    public void Where_the_paces_are_equal_the_gradients_become_equally_long_whatever_alpha_is()
    {
        var g = Settled(alpha: 3, [("a", 2), ("b", 2), ("c", 2)]);
        g.Should().OnlyContain(v => Math.Abs(v - g.Average()) < 0.05 * g.Average());
    }

    [Fact]
    public void With_alpha_1_gradients_become_as_long_as_tasks_are_behind()
    {
        var g = Settled(alpha: 1, [("a", 1), ("b", 2), ("c", 4)]); // losses are 1: ratios 1, 1/2, 1/4
        (g[0] / g[1]).Should().BeApproximately(2, 0.15);
        (g[1] / g[2]).Should().BeApproximately(2, 0.15);
    }

    /// <summary>The paper's toy problem, smaller: tanh regressions of which one is 100 times as large as the other.</summary>
    [Fact]
    public void A_task_of_a_small_scale_learns_beside_one_of_a_large_scale()
    {
        var (equal, _) = Toy(new EqualWeights());
        using var method = new GradNorm(["small", "large"], alpha: 0.12);
        var (found, weights) = Toy(method);
        equal["small"].Should().BeGreaterThan(0.9, "with equal weights it hardly learns at all");
        found["small"].Should().BeLessThan(0.75 * equal["small"]);
        (found["small"] + found["large"]).Should().BeLessThan(equal["small"] + equal["large"], "the task-normalised loss");
        weights!["small"].Should().BeGreaterThan(10 * weights["large"]);
        weights.Values.Sum().Should().BeApproximately(2, 1e-12);
    }

    [Fact]
    public void Weights_end_at_0_and_rise_again()
    {
        using var theta = Matrix();
        using var method = new GradNorm(["a", "b"], alpha: 0, rate: 0.4);
        var seen = new List<double>();
        for (var step = 0; step < 60; step++)
        {
            method.Backward(Linear(theta, [1, 1e4], [1, 1]), [theta]);
            seen.Add(method.LastWeights!["b"]);
            method.LastWeights.Values.Sum().Should().BeApproximately(2, 1e-12);
        }

        seen.Should().OnlyContain(w => w >= 0).And.Contain(0);
        seen.SkipWhile(w => w > 0).Should().Contain(w => w > 0);
    }

    [Fact]
    public void A_batch_without_a_task_leaves_its_weight_and_the_sum()
    {
        using var theta = Matrix();
        using var method = new GradNorm(["a", "b", "c"]);
        double[] Backward(params string[] tasks)
        {
            var losses = Linear(theta, [3, 1, 10], [1, 1, 1]).Filter((task, _) => tasks.Contains(task));
            method.Backward(losses, [theta]);
            return [.. method.LastWeights!.Values];
        }

        Backward("a", "b", "c").Should().Equal(1, 1, 1);
        var before = Backward("a", "b", "c");
        var alone = Backward("b");
        for (var step = 0; step < 5; step++)
        {
            Backward("a", "c");
        }

        Backward("b").Should().Equal(alone, (x, y) => Math.Abs(x - y) < 1e-14, "absent, or alone and so with the whole sum");
        alone[0].Should().NotBe(before[1]);
        var after = Backward("a", "b", "c");
        after.Sum().Should().BeApproximately(3, 1e-12);
        (after[0], after[2]).Should().NotBe((before[0], before[2]));
    }

    [Fact]
    public void The_first_loss_is_that_of_the_first_batch_that_has_the_task()
    {
        using var theta = Matrix();
        using var method = new GradNorm(["a", "b"], initialLosses: [("b", 8)]);
        Initial("a").Should().Be(double.NaN);
        method.Backward(Linear(theta, [1, 1], [5, 3]).Filter((task, _) => task == "b"), [theta]);
        method.Backward(Linear(theta, [1, 1], [4, 3]), [theta]);
        method.Backward(Linear(theta, [1, 1], [2, 1]), [theta]);
        (Initial("a"), Initial("b")).Should().Be((4, 8));
        method.Reset();
        method.Backward(Linear(theta, [1, 1], [2, 1]), [theta]);
        (Initial("a"), Initial("b")).Should().Be((2, 8));
        method.LastWeights!.Values.Should().Equal(1, 1);

        double Initial(string task) => method.state_dict()[$"initial_losses.{task}"].item<double>();
    }

    [Fact]
    public void Norms_are_measured_at_the_last_matrix_that_all_tasks_share_or_where_one_says()
    {
        using var net = new SmallNet(3);
        using var usual = new GradNorm(Concrete.Names(3));
        usual.Backward(net.Losses(), net.Shared); // the last matrix of all, of an unused layer, has no gradient
        Same(Entries(usual.LastGramian!), Entries(Gramian.Of(Jacobian.Of(net.Losses(), [net.Trunk.parameters().ElementAt(2)]))), 1e-12);

        var first = net.Trunk.parameters().Take(2).ToArray();
        using var there = new GradNorm(Concrete.Names(3), at: first);
        there.Backward(net.Losses(), net.Shared);
        Same(Entries(there.LastGramian!), Entries(Gramian.Of(Jacobian.Of(net.Losses(), first))), 1e-12);

        // No matrix that all tasks reach: all shared parameters.
        using var own = new GradNorm(["a", "b"]);
        using var forA = Matrix();
        using var forB = Matrix();
        own.Backward([("a", forA.sum() + 1), ("b", (forB.sum() * 2) + 1)], [forA, forB]);
        Same(Entries(own.LastGramian!), [4, 0, 0, 16], 1e-12);
    }

    [Fact]
    public void At_the_representation_norms_are_measured_there_even_if_others_were_given()
    {
        using var net = new SmallNet(3);
        using var method = new GradNorm(Concrete.Names(3), at: net.Trunk.parameters());
        var z = new Representation(net.Represent()).Cut();
        method.Backward(net.Losses(z), z);
        var leaf = net.Represent().detach().requires_grad_();
        Same(Entries(method.LastGramian!), Entries(Gramian.Of(Jacobian.Of(net.Losses(leaf), [leaf]))), 1e-12);
    }

    [Fact]
    public void Micro_batches_are_one_batch()
    {
        using var net = new SmallNet(3);
        using var whole = new GradNorm(Concrete.Names(3));
        using var parts = new GradNorm(Concrete.Names(3));
        var half = TaskMap.Create(Concrete.Names(3).Select(t => (t, 0.5)));
        for (var step = 0; step < 3; step++)
        {
            net.ZeroGradients();
            whole.Backward(net.Losses(), net.Shared);
            var expected = SmallNet.Gradients(net.All);
            net.ZeroGradients();
            MicroBatchLosses[] halves = [new(net.Losses(net.Represent(), rows: ..3), half), new(net.Losses(net.Represent(), rows: 3..), half)];
            parts.Backward(halves, net.Shared);
            foreach (var (a, b) in SmallNet.Gradients(net.All).Zip(expected))
            {
                a?.Should().Equal(b!, (x, y) => Math.Abs(x - y) < 1e-9);
            }
        }

        Same(parts.LastWeights!.Values, whole.LastWeights!.Values, 1e-12);
    }

    [Fact]
    public void Bad_arguments_are_refused()
    {
        FluentActions.Invoking(() => new GradNorm(["a"], alpha: -0.5)).Should().Throw<ArgumentOutOfRangeException>().WithMessage("`alpha`*non-negative*-0.5*");
        FluentActions.Invoking(() => new GradNorm(["a"], rate: 0)).Should().Throw<ArgumentOutOfRangeException>().WithMessage("`rate`*positive*0*");
        FluentActions.Invoking(() => new GradNorm(["a"], at: [])).Should().Throw<ArgumentException>().WithMessage("`at`*at least one*");
        FluentActions.Invoking(() => new GradNorm(["a"], initialLosses: [("b", 1)])).Should().Throw<ArgumentException>().WithMessage("*'a'*'b'*");
        FluentActions.Invoking(() => new GradNorm(["a"], initialLosses: [("a", 0)])).Should().Throw<ArgumentException>().WithMessage("*'a'*initial loss*positive*0*");
        FluentActions.Invoking(() => new GradNorm(["a", "a"])).Should().Throw<ArgumentException>().WithMessage("*distinct*");

        using var theta = Matrix();
        using var method = new GradNorm(["a", "b", "c"]);
        method.Invoking(m => m.Backward(Linear(theta, [1, 1, 1], [1, 0, 1]), [theta])).Should().Throw<ArgumentException>().WithMessage("*'b'*initial loss*positive*0*");
        method.Backward(Linear(theta, [1, 1, 1], [1, 1, 1]), [theta]);
        theta.grad = null;
        method.Invoking(m => m.Backward(Linear(theta, [1, 1, 1], [1, 1, -1]), [theta])).Should().Throw<ArgumentException>().WithMessage("*'c'*GradNorm*non-negative*-1*");
        method.Invoking(m => m.Backward([("d", theta.sum())], [theta])).Should().Throw<ArgumentException>().WithMessage("GradNorm*'a', 'b', 'c'*'d'*");
        theta.grad.Should().BeNull();
    }

    /// <summary>Gᵢ after many steps on losses of 1 whose gradients stay as they are, of norms 3, 1 and 10.</summary>
    private static double[] Settled(double alpha, TaskMap<double> initial)
    {
        using var theta = Matrix();
        using var method = new GradNorm(["a", "b", "c"], alpha, rate: 0.02, initialLosses: initial);
        double[] norms = [3, 1, 10];
        for (var step = 0; step < 300; step++)
        {
            using var inner = NewDisposeScope();
            method.Backward(Linear(theta, norms, [1, 1, 1]), [theta]);
        }

        return [.. norms.Zip(method.LastWeights!.Values, (n, w) => n * w)];
    }

    private static Parameter Matrix() => nn.Parameter(zeros([2, 2], ScalarType.Float64));

    /// <summary>Losses with given values, each with a gradient of a given norm.</summary>
    private static TaskMap<Tensor> Linear(Tensor theta, double[] norms, double[] values)
    {
        var change = (theta - theta.detach()).sum() / 2; // four entries: the norm is 1
        return TaskMap.Create(norms.Select((norm, i) => (((char)('a' + i)).ToString(), (change * norm) + values[i])));
    }

    private static (TaskMap<double> Ratios, TaskMap<double>? Weights) Toy(Balancer balancer)
    {
        using var outer = NewDisposeScope();
        using var generator = new Generator(3);
        Tensor Draw(params long[] shape) => randn(shape, ScalarType.Float32, generator: generator);
        var common = Draw(6, 4) * Math.Sqrt(10.0 / 6);
        TaskMap<Tensor> maps = [("small", common + (Draw(6, 4) * Math.Sqrt(3.5 / 6))), ("large", common + (Draw(6, 4) * Math.Sqrt(3.5 / 6)))];
        TaskMap<double> sigmas = [("small", 1), ("large", 100)];
        using var trunk = Sequential(nn.Linear(6, 40), ReLU(), nn.Linear(40, 40), ReLU());
        using var heads = ModuleList(nn.Linear(40, 4), nn.Linear(40, 4));
        foreach (var p in trunk.parameters().Concat(heads.parameters()))
        {
            using var off = no_grad();
            p.copy_(p.dim() == 1 ? zeros_like(p) : Draw(p.shape) * Math.Sqrt(2.0 / p.shape[1]));
        }

        using var adam = optim.Adam(trunk.parameters().Concat(heads.parameters()).ToList(), 3e-3);
        TaskMap<Tensor> Losses(Tensor x)
        {
            var z = trunk.call(x);
            return maps.Map((task, map) => (((Module<Tensor, Tensor>)heads[task == "small" ? 0 : 1]).call(z) - (x.matmul(map).tanh() * sigmas[task])).square().mean());
        }

        var test = Draw(256, 6);
        var before = Losses(test).Map((_, l) => l.item<float>());
        for (var step = 0; step < 350; step++)
        {
            using var inner = NewDisposeScope();
            adam.zero_grad();
            balancer.Backward(Losses(Draw(64, 6)), trunk.parameters());
            adam.step();
        }

        return (Losses(test).Map((task, l) => (double)l.item<float>() / before[task]), balancer.LastWeights);
    }

    private static double[] Entries(Gramian g) => [.. Enumerable.Range(0, g.Count).SelectMany(i => Enumerable.Range(0, g.Count).Select(j => g[i, j]))];

    private static void Same(IEnumerable<double> found, IEnumerable<double> expected, double tolerance) =>
        found.Should().Equal(expected, (a, b) => Math.Abs(a - b) <= tolerance * (1 + Math.Abs(b)));
}
