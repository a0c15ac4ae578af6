using FluentAssertions;
using MultiTask.Balancing;
using MultiTask.Tests.Contracts;
using MultiTask.Tests.Fixtures;
using static TorchSharp.torch;

namespace MultiTask.Tests.Balancing;

public sealed class DBMTLTests : IDisposable
{
    private readonly TorchSharp.DisposeScope scope = NewDisposeScope();

    public void Dispose() => scope.Dispose();

    [Fact]
    public void Golden_rows()
    {
        using var two = new MaxNorm(["0", "1"], 0, 0);
        Same(two.Aggregate(Jacobians.Of(Jacobians.A)).Values(), [0.188135, 2.452966, 2.452966], 1e-6);
        Same(two.LastWeights!.Values, [1.452966, 1], 1e-6);
        using var three = new MaxNorm(["0", "1", "2"], 0, 0);
        Same(three.Aggregate(Jacobians.Of(Jacobians.B)).Values(), [-1.079283, 1.532969, 2.102822, 1.336337], 1e-6);
        Same(three.LastWeights!.Values, [1.369306, 1, 1.102822], 1e-6);
    }

    [Fact]
    public void The_scale_of_a_tasks_gradient_matters_only_where_it_is_the_longest()
    {
        foreach (var sample in Gramians.Draw(300, seed: 30, most: 8))
        {
            using var inner = NewDisposeScope();
            var names = Concrete.Names(sample.Rows.Length);
            using var method = new MaxNorm([.. names.Select((_, i) => $"{i}")], 0, 0);
            var random = new Random(sample.Rows.Length);
            var found = method.Aggregate(Jacobians.Of(sample.Rows)).Values();
            var longest = Longest(sample.Rows);
            double[][] scaled = [.. sample.Rows.Select(row => (row, c: Math.Pow(10, (4 * random.NextDouble()) - 2))).Select(p => Array.ConvertAll(p.row, v => v * p.c))];
            var other = method.Aggregate(Jacobians.Of(scaled)).Values();
            found.Zip(other).All(p => longest == 0 || Math.Abs((p.Second / Longest(scaled)) - (p.First / longest)) < 1e-9).Should().BeTrue("{0}", sample);
        }

        static double Longest(double[][] rows) => rows.Max(row => Math.Sqrt(Gramians.Dot(row, row)));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(0.9)]
    public void The_scale_of_a_loss_does_not_matter(double forgetting)
    {
        using var net = new SmallNet(3);
        using var first = new DBMTL(Concrete.Names(3), forgetting);
        using var second = new DBMTL(Concrete.Names(3), forgetting);
        for (var step = 0; step < 3; step++)
        {
            net.ZeroGradients();
            first.Backward(net.Losses(), net.Shared);
            var expected = SmallNet.Gradients(net.All);
            net.ZeroGradients();
            second.Backward(net.Losses().Map((task, loss) => task == "task1" ? loss * 1e6 : loss), net.Shared);
            foreach (var (a, b) in SmallNet.Gradients(net.All).Zip(expected))
            {
                a?.Should().Equal(b!, (x, y) => Math.Abs(x - y) < 1e-10 * (1 + Math.Abs(y)));
            }
        }
    }

    [Fact]
    public void Gradients_are_averaged_over_the_steps_as_published()
    {
        // Constant gradients: ĝ = (1 − β^k) g with βₖ = β; with βₖ = β/√k, 1 − β · β/√2 · ….
        using var constant = new MaxNorm(["0"], 0.9, 0);
        using var falling = new MaxNorm(["0"], 0.8, 0.5);
        var (a, b) = (1.0, 1.0);
        for (var k = 1; k <= 4; k++)
        {
            (a, b) = (a * 0.9, b * 0.8 / Math.Sqrt(k));
            Same(constant.Aggregate(Jacobians.Of([3, 4])).Values(), [3 * (1 - a), 4 * (1 - a)], 1e-14);
            Same(falling.Aggregate(Jacobians.Of([3, 4])).Values(), [3 * (1 - b), 4 * (1 - b)], 1e-14);
        }
    }

    [Fact]
    public void Noise_that_changes_its_sign_cancels_in_the_average()
    {
        using var method = new MaxNorm(["0", "1"], 0.9, 0);
        Tensor d = zeros(2);
        for (var step = 0; step < 200; step++)
        {
            d = method.Aggregate(Jacobians.Of([1, step % 2 == 0 ? 10 : -10], [1, 0]));
        }

        // Without the average the first task's direction would be all noise.
        Math.Abs(d.Values()[1]).Should().BeLessThan(0.6 * d.Values()[0]);
    }

    [Fact]
    public void A_zero_gradient_has_the_weight_0_and_float32_does_not_overflow()
    {
        using var method = new MaxNorm(["0", "1", "2"], 0, 0);
        Same(method.Aggregate(Jacobians.Of([3, 4], [0, 0], [0, 10])).Values(), [6, 18], 1e-13);
        Same(method.LastWeights!.Values, [2, 0, 1], 1e-14);
        Same(method.Aggregate(Jacobians.Of([0, 0], [0, 0], [0, 0])).Values(), [0, 0], 0);
        var far = method.Aggregate(Jacobians.Of(ScalarType.Float32, [1e-30, 0], [0, 1e20], [0, 0])).Values();
        (far[0] / 1e20).Should().BeApproximately(1, 1e-6);
        (far[1] / 1e20).Should().BeApproximately(1, 1e-6);
    }

    [Fact]
    public void Only_without_memory_it_works_at_the_representation()
    {
        using var with = new DBMTL(["a"]);
        using var without = new DBMTL(["a"], forgetting: 0);
        with.RemembersGradients.Should().BeTrue();
        without.RemembersGradients.Should().BeFalse();
        using var net = new SmallNet(3);
        using var method = new DBMTL(Concrete.Names(3), forgetting: 0);
        for (var step = 0; step < 2; step++)
        {
            var z = new Representation(net.Represent()).Cut();
            method.Backward(net.Losses(z), z);
        }

        SmallNet.Gradients(net.Trunk.parameters()).Should().AllSatisfy(g => g.Should().NotBeNull());
        method.buffers().Sum(b => b.numel()).Should().Be(3, "it counts steps and remembers nothing else");
    }

    [Fact]
    public void Reset_forgets()
    {
        using var net = new SmallNet(2);
        using var method = new DBMTL(Concrete.Names(2));
        method.Backward(net.Losses(), net.Shared);
        var first = SmallNet.Gradients(net.Trunk.parameters());
        method.Backward(net.Losses(), net.Shared);
        method.Reset();
        net.ZeroGradients();
        method.Backward(net.Losses(), net.Shared);
        SmallNet.Gradients(net.Trunk.parameters()).Zip(first).Should().AllSatisfy(p => p.First.Should().Equal(p.Second));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(2)]
    public void A_state_from_before_the_first_step_makes_it_new(int steps)
    {
        using var net = new SmallNet(2);
        using var fresh = new DBMTL(Concrete.Names(2));
        using var method = new DBMTL(Concrete.Names(2));
        for (var step = 0; step < steps; step++)
        {
            method.Backward(net.Losses(), net.Shared);
        }

        method.load_state_dict(fresh.state_dict());
        net.ZeroGradients();
        fresh.Backward(net.Losses(), net.Shared);
        var expected = SmallNet.Gradients(net.All);
        net.ZeroGradients();
        method.Backward(net.Losses(), net.Shared);
        SmallNet.Gradients(net.Trunk.parameters()).Zip(expected).Should().AllSatisfy(p => p.First.Should().Equal(p.Second));
    }

    [Fact]
    public void Bad_arguments_are_refused()
    {
        FluentActions.Invoking(() => new DBMTL(["a"], 1)).Should().Throw<ArgumentOutOfRangeException>().WithMessage("*`forgetting`*[0, 1)*Found 1.*");
        FluentActions.Invoking(() => new DBMTL(["a"], -0.1)).Should().Throw<ArgumentOutOfRangeException>().WithMessage("*`forgetting`*-0.1*");
        FluentActions.Invoking(() => new DBMTL(["a"], 0.5, -1)).Should().Throw<ArgumentOutOfRangeException>().WithMessage("*`decay`*non-negative*-1*");
        FluentActions.Invoking(() => new DBMTL(["a", "a"])).Should().Throw<ArgumentException>().WithMessage("*'a' twice*");
        using var net = new SmallNet(2);
        using var method = new DBMTL(["task0"]);
        method.Invoking(m => m.Backward(net.Losses(), net.Shared)).Should().Throw<ArgumentException>().WithMessage("*DBMTL*'task1'*");
        using var both = new DBMTL(Concrete.Names(2));
        both.Invoking(m => m.Backward(net.Losses().Map((_, loss) => loss - 100), net.Shared)).Should().Throw<ArgumentException>().WithMessage("*DBMTL needs positive losses*");
    }

    private static void Same(IEnumerable<double> found, double[] expected, double tolerance) =>
        found.Should().Equal(expected, (a, b) => Math.Abs(a - b) <= tolerance);
}
