using FluentAssertions;
using MultiTask.Balancing;
using MultiTask.Tests.Contracts;
using MultiTask.Tests.Fixtures;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace MultiTask.Tests.Balancing;

public sealed class MConFIGTests : IDisposable
{
    private readonly DisposeScope scope = NewDisposeScope();

    public void Dispose() => scope.Dispose();

    [Fact]
    public void Steps_as_the_papers_algorithm_does()
    {
        using var method = new MConFIG(["0", "1", "2"]);
        var random = new Random(390);
        var theta = nn.Parameter(zeros(4, ScalarType.Float64));
        var reference = new Reference(3, 4, 0.9, 0.999);
        for (var step = 0; step < 30; step++)
        {
            var g = Gramians.Normal(random, 3, 4);
            theta.grad = null;
            method.Backward(Linear(theta, g), [theta]);
            var expected = reference.Step(g, step == 0 ? [0, 1, 2] : [(step - 1) % 3]);
            Same(theta.grad!.Values(), expected, 1e-9);
        }
    }

    [Fact]
    public void The_first_step_is_the_sign_of_ConFIG()
    {
        using var method = new MConFIG(["0", "1", "2"]);
        using var config = new ConFIG();
        var theta = nn.Parameter(zeros(4, ScalarType.Float64));
        method.Backward(Linear(theta, Jacobians.B), [theta]);
        var d = config.Aggregate(Jacobians.Of(Jacobians.B)).Values();
        Same(theta.grad!.Values(), [.. d.Select(v => v / (Math.Abs(v) + 1e-8))], 1e-12);
        method.LastWeights!.Values.Should().Equal(config.Weigh(Gramians.Of(Jacobians.B)), (a, b) => Math.Abs(a - b) < 1e-9);
    }

    [Fact]
    public void One_task_alone_is_Adam()
    {
        using var method = new MConFIG(["0"], beta1: 0.8, beta2: 0.95);
        var theta = nn.Parameter(zeros(3, ScalarType.Float64));
        var twin = nn.Parameter(zeros(3, ScalarType.Float64));
        using var adam = optim.Adam([twin], 0.1, 0.8, 0.95);
        var random = new Random(391);
        for (var step = 0; step < 10; step++)
        {
            var g = Gramians.Normal(random, 1, 3);
            theta.grad = null;
            method.Backward(Linear(theta, g), [theta]);
            twin.grad = tensor(g[0], dtype: ScalarType.Float64);
            adam.step();
            using var off = no_grad();
            theta.sub_(0.1 * theta.grad!);
            Same(theta.Values(), twin.Values(), 1e-7);
        }
    }

    [Fact]
    public void Tasks_take_turns_and_the_other_averages_stay()
    {
        using var method = new MConFIG(["0", "1", "2"]);
        var theta = nn.Parameter(zeros(2, ScalarType.Float64));
        var changed = new List<string>();
        var before = Averages(method);
        for (var step = 0; step < 6; step++)
        {
            method.Backward(Linear(theta, Gramians.Normal(new Random(step), 3, 2)), [theta]);
            var after = Averages(method);
            changed.Add(string.Concat(after.Keys.Where(k => !after[k].SequenceEqual(before[k]))));
            before = after;
        }

        changed.Should().Equal("012", "0", "1", "2", "0", "1");
    }

    [Fact]
    public void A_task_that_the_batch_lacks_stays_in_the_direction_and_a_new_one_has_its_turn_at_once()
    {
        using var method = new MConFIG(["0", "1", "2"]);
        var theta = nn.Parameter(zeros(3, ScalarType.Float64));
        var reference = new Reference(3, 3, 0.9, 0.999);
        var random = new Random(392);
        int[][] present = [[0, 1], [1], [1], [0, 1], [2], [0, 1, 2]];
        int[][] turn = [[0, 1], [1], [1], [0], [2], [1]];
        for (var step = 0; step < present.Length; step++)
        {
            var g = Gramians.Normal(random, 3, 3);
            theta.grad = null;
            method.Backward(Linear(theta, g, present[step]), [theta]);
            Same(theta.grad!.Values(), reference.Step(g, turn[step]), 1e-9);
        }

        method.LastWeights!.Tasks.Should().Equal("0", "1", "2");
    }

    [Fact]
    public void Micro_batches_make_one_step()
    {
        using var net = new SmallNet(3);
        using var whole = new MConFIG(Concrete.Names(3));
        using var parts = new MConFIG(Concrete.Names(3));
        for (var step = 0; step < 3; step++)
        {
            net.ZeroGradients();
            whole.Backward(net.Losses(), net.Shared);
            var expected = SmallNet.Gradients(net.All);
            net.ZeroGradients();
            parts.Backward(Halves(net), net.Shared);
            var found = SmallNet.Gradients(net.All);
            for (var i = 0; i < found.Length - 2; i++)
            {
                Same(found[i]!, expected[i]!, 1e-6);
            }
        }

        static IEnumerable<MicroBatchLosses> Halves(SmallNet net)
        {
            var half = TaskMap.Create(Concrete.Names(3).Select(t => (t, 0.5)));
            yield return new(net.Losses(net.Represent(), rows: ..3), half);
            yield return new(net.Losses(net.Represent(), rows: 3..), half);
        }
    }

    [Fact]
    public void Every_head_is_trained_unless_that_is_turned_off()
    {
        using var net = new SmallNet(3);
        using var every = new MConFIG(Concrete.Names(3));
        using var one = new MConFIG(Concrete.Names(3)) { TrainEveryHead = false };
        foreach (var method in new[] { every, one })
        {
            method.Backward(net.Losses(), net.Shared);
        }

        net.ZeroGradients();
        every.Backward(net.Losses(), net.Shared);
        var found = SmallNet.Gradients(net.All);
        net.ZeroGradients();
        net.Losses().Values.Aggregate((a, b) => a + b).backward();
        var plain = SmallNet.Gradients(net.All);
        for (var i = net.Trunk.parameters().Count(); i < found.Length - 2; i++)
        {
            Same(found[i]!, plain[i]!, 1e-12);
        }

        net.ZeroGradients();
        one.Backward(net.Losses(), net.Shared);
        SmallNet.Gradients(net.Trunk.parameters()).Should().BeEquivalentTo(found.Take(net.Trunk.parameters().Count()), o => o.WithStrictOrdering());
        SmallNet.Gradients(net.Head(0)).Should().AllSatisfy(g => g.Should().NotBeNull());
        SmallNet.Gradients(net.Head(1).Concat(net.Head(2))).Should().AllSatisfy(g => g.Should().BeNull());
    }

    [Fact]
    public void A_parameter_that_only_other_tasks_reach_gets_its_part()
    {
        using var method = new MConFIG(["0", "1"]);
        var (a, b) = (nn.Parameter(zeros(1, ScalarType.Float64)), nn.Parameter(zeros(1, ScalarType.Float64)));
        for (var step = 0; step < 2; step++)
        {
            a.grad = b.grad = null;
            method.Backward([("0", a.sum()), ("1", a.sum() + b.sum())], [a, b]);
            b.grad.Should().NotBeNull("step {0}: it was task 0's turn alone in step 1", step);
            b.grad!.item<double>().Should().NotBe(0);
        }
    }

    [Fact]
    public void Any_method_of_inner_products_can_combine()
    {
        using var method = new MConFIG(["0", "1"], new MGDA());
        using var mgda = new MGDA();
        var theta = nn.Parameter(zeros(3, ScalarType.Float64));
        method.Backward(Linear(theta, Jacobians.A), [theta]);
        method.Inner.Should().BeOfType<MGDA>();
        method.LastWeights!.Values.Should().Equal(mgda.Weigh(Gramians.Of(Jacobians.A)), (x, y) => Math.Abs(x - y) < 1e-12);
    }

    [Fact]
    public void Reset_forgets()
    {
        using var method = new MConFIG(["0", "1"]);
        var theta = nn.Parameter(zeros(3, ScalarType.Float64));
        double[] Step(double[][] g)
        {
            theta.grad = null;
            method.Backward(Linear(theta, g), [theta]);
            return theta.grad!.Values();
        }

        var first = Step(Jacobians.A);
        Step([[1, 2, 3], [3, -2, 1]]);
        method.Reset();
        Step(Jacobians.A).Should().Equal(first);
    }

    [Fact]
    public void Refuses_what_it_cannot_use()
    {
        foreach (var beta in new[] { -0.1, 1, double.NaN })
        {
            FluentActions.Invoking(() => new MConFIG(["a"], beta1: beta)).Should().Throw<ArgumentOutOfRangeException>().WithMessage($"*`beta1`*[0, 1)*{beta}*");
            FluentActions.Invoking(() => new MConFIG(["a"], beta2: beta)).Should().Throw<ArgumentOutOfRangeException>().WithMessage($"*`beta2`*[0, 1)*{beta}*");
        }

        FluentActions.Invoking(() => new MConFIG(["a", "a"])).Should().Throw<ArgumentException>().WithMessage("*distinct*'a'*");
        using var method = new MConFIG(["0"]);
        var theta = nn.Parameter(zeros(3, ScalarType.Float64));
        method.Invoking(m => m.Backward(Linear(theta, Jacobians.A), [theta])).Should().Throw<ArgumentException>().WithMessage("*'0'*'1'*");
        var other = nn.Parameter(zeros(4, ScalarType.Float64));
        method.Backward(Linear(theta, [[1, 2, 3]]), [theta]);
        method.Invoking(m => m.Backward(Linear(other, [[1, 2, 3, 4]]), [other])).Should().Throw<InvalidOperationException>().WithMessage("*MConFIG*3*4*");
    }

    /// <summary>Losses whose gradients by θ are the rows.</summary>
    private static TaskMap<Tensor> Linear(Parameter theta, double[][] rows, int[]? present = null) =>
        TaskMap.Create((present ?? [.. Enumerable.Range(0, rows.Length)]).Select(i => ($"{i}", (theta * tensor(rows[i], dtype: ScalarType.Float64)).sum())));

    private static Dictionary<string, double[]> Averages(MConFIG method) => method.state_dict()
        .Where(p => p.Key.StartsWith("momenta.", StringComparison.Ordinal))
        .ToDictionary(p => p.Key["momenta.".Length..], p => p.Value.Values());

    private static void Same(double[] found, double[] expected, double tolerance) =>
        found.Should().Equal(expected, (a, b) => Math.Abs(a - b) <= tolerance * (1 + Math.Abs(b)));

    /// <summary>Algorithm 1, line by line, in plain arrays; the tasks of each turn are given.</summary>
    private sealed class Reference(int m, int n, double beta1, double beta2)
    {
        private readonly double[][] momenta = [.. Enumerable.Range(0, m).Select(_ => new double[n])];
        private readonly int[] times = new int[m];
        private double[] combined = new double[n];
        private double[] square = new double[n];
        private int t;

        public double[] Step(double[][] g, int[] turn)
        {
            t++;
            foreach (var i in turn)
            {
                times[i]++;
                momenta[i] = [.. momenta[i].Zip(g[i], (old, now) => (beta1 * old) + ((1 - beta1) * now))];
            }

            double[][] averages = [.. Enumerable.Range(0, m).Where(i => times[i] > 0).Select(i =>
                Array.ConvertAll(momenta[i], v => v / (1 - Math.Pow(beta1, times[i]))))];
            using var config = new ConFIG();
            var d = Laws.Direction(averages, config.Weigh(Gramians.Of(averages)));
            var next = Array.ConvertAll(d, v => v * (1 - Math.Pow(beta1, t)));
            double[] pseudo = [.. next.Zip(combined, (now, old) => (now - (beta1 * old)) / (1 - beta1))];
            square = [.. square.Zip(pseudo, (old, c) => (beta2 * old) + ((1 - beta2) * c * c))];
            combined = next;
            return [.. d.Zip(square, (v, s) => v / (Math.Sqrt(s / (1 - Math.Pow(beta2, t))) + 1e-8))];
        }
    }
}
