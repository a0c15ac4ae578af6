using FluentAssertions;
using MultiTask.Balancing;
using MultiTask.Tests.Fixtures;
using TorchSharp;
using static TorchSharp.torch;

namespace MultiTask.Tests.Balancing;

public sealed class LDCMTLTests
{
    private static readonly string[] Tasks = ["a", "b", "c"];
    private static readonly double[] Theta = [0.5, -1, 2];
    private static readonly double[] Values = [2, 1.5, -0.25];

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Value_and_gradients_are_those_of_the_formula(bool weighDiscrepancies)
    {
        using var ldc = With(Theta, 0.3, weighDiscrepancies);
        var losses = Scalars.Of(("a", Values[0]), ("b", Values[1]), ("c", Values[2]));
        ldc.Scalarize(losses).item<double>().Should().BeApproximately(Formula(Theta, Values, Sigmas(Theta).Sum(), weighDiscrepancies), 1e-13);

        // The formula's derivatives, with Σσ as it is held fixed.
        var sum = Sigmas(Theta).Sum();
        double Slope(Func<double, double> f) => (f(1e-6) - f(-1e-6)) / 2e-6;
        double[] Moved(double[] x, int i, double by) => [.. x.Select((v, j) => i == j ? v + by : v)];
        var slopes = ldc.Slopes(losses);
        for (var i = 0; i < 3; i++)
        {
            slopes[i].Should().BeApproximately(Slope(h => Formula(Theta, Moved(Values, i, h), sum, weighDiscrepancies)), 1e-8);
        }

        foreach (var p in ldc.parameters())
        {
            p.grad = null;
        }

        ldc.Slopes(losses);
        ldc.parameters().Select((p, i) => p.grad!.item<double>() - Slope(h => Formula(Moved(Theta, i, h), Values, sum, weighDiscrepancies)))
            .Should().OnlyContain(difference => Math.Abs(difference) < 1e-8);
    }

    [Fact]
    public void At_the_start_weights_are_equal()
    {
        using var ldc = new LDCMTL(Tasks, penalty: 0);
        ldc.Slopes(Scalars.Of(("a", 1), ("b", 7), ("c", 2))).Should().OnlyContain(s => Math.Abs(s - (1.0 / 3)) < 1e-14);
        ldc.LastWeights!.Values.Should().OnlyContain(w => Math.Abs(w - (1.0 / 3)) < 1e-14);
        ldc.named_parameters().Select(p => p.name).Should().Equal("router.a", "router.b", "router.c");
        ldc.parameters().Should().OnlyContain(p => p.item<float>() == 1);
    }

    [Fact]
    public void Neighbours_are_those_of_the_constructor_whatever_the_batch_s_order()
    {
        using var ldc = With(Theta, 0.3);
        var value = ldc.Scalarize(Scalars.Of(("a", 2), ("b", 1.5), ("c", -0.25))).item<double>();
        ldc.Scalarize(Scalars.Of(("c", -0.25), ("a", 2), ("b", 1.5))).item<double>().Should().Be(value);
        ldc.LastWeights!.Tasks.Should().Equal("c", "a", "b");
        ldc.LastWeights!["b"].Should().BeApproximately(Sigmas(Theta)[1] / Sigmas(Theta).Sum(), 1e-14);
    }

    [Fact]
    public void A_task_that_is_absent_does_not_move_its_theta_and_its_neighbours_meet()
    {
        using var ldc = With(Theta, 0.3);
        var sigma = Sigmas(Theta);
        var losses = Scalars.Of(("a", 2), ("c", 3));
        ldc.Scalarize(losses).item<double>().Should().BeApproximately(
            (((sigma[0] * 2) + (sigma[2] * 3)) / (sigma[0] + sigma[2])) + (0.3 * Math.Abs((sigma[0] * 2) - (sigma[2] * 3))), 1e-13);
        ldc.Slopes(losses);
        ldc.named_parameters().Where(p => p.parameter.grad is not null).Select(p => p.name).Should().Equal("router.a", "router.c");
        ldc.Slopes(Scalars.Of(("b", 4))).Should().Equal(1);
    }

    [Fact]
    public void Weights_below_the_range_of_a_double_still_have_a_ratio()
    {
        using var ldc = With([-900, -900 + Math.Log(3), -2000], 0.3);
        ldc.Slopes(Scalars.Of(("a", 1), ("b", 1), ("c", 1))).Should().Equal([0.25, 0.75, 0], (x, y) => Math.Abs(x - y) < 1e-12);
    }

    [Fact]
    public void Training_only_the_weights_makes_the_weighted_losses_alike()
    {
        using var ldc = new LDCMTL(["a", "b"], penalty: 20);
        ldc.to(ScalarType.Float64);
        using var adam = optim.Adam(ldc.parameters().ToList(), 0.01);
        double Gap() => ldc.parameters().Select(p => 1 / (1 + Math.Exp(-p.item<double>()))).Zip(new[] { 4.0, 1 }, (s, l) => s * l).ToArray() is var w ? Math.Abs(w[0] - w[1]) / w.Max() : 0;
        Gap().Should().BeApproximately(0.75, 1e-6);
        for (var step = 0; step < 400; step++)
        {
            adam.zero_grad();
            ldc.Backward(Scalars.Of(("a", 4), ("b", 1)), []);
            adam.step();
        }

        Gap().Should().BeLessThan(0.05);
    }

    [Fact]
    public void The_state_comes_back()
    {
        using var ldc = With(Theta, 0.3);
        using var resumed = With([0, 0, 0], 0.3);
        resumed.load_state_dict(ldc.state_dict());
        var losses = Scalars.Of(("a", 1), ("b", 2), ("c", 4));
        resumed.Scalarize(losses).item<double>().Should().Be(ldc.Scalarize(losses).item<double>());
    }

    [Fact]
    public void Refuses_what_makes_no_sense()
    {
        FluentActions.Invoking(() => new LDCMTL(Tasks, penalty: -1)).Should().Throw<ArgumentOutOfRangeException>().WithMessage("*`penalty`*non-negative*-1*");
        FluentActions.Invoking(() => new LDCMTL(["a", "a"])).Should().Throw<ArgumentException>().WithMessage("*distinct*");
        using var ldc = new LDCMTL(Tasks);
        ldc.Invoking(l => l.Scalarize(Scalars.Of(("z", 1)))).Should().Throw<ArgumentException>().WithMessage("*LDCMTL*'z'*");
    }

    private static double[] Sigmas(double[] theta) => Array.ConvertAll(theta, t => 1 / (1 + Math.Exp(-t)));

    private static double Formula(double[] theta, double[] losses, double sum, bool weighDiscrepancies)
    {
        var weighted = Sigmas(theta).Zip(losses, (s, l) => s * l).ToArray();
        var measured = weighDiscrepancies ? weighted : losses;
        return (weighted.Sum() / sum) + (0.3 * (Math.Abs(measured[0] - measured[1]) + Math.Abs(measured[1] - measured[2])));
    }

    private static LDCMTL With(double[] theta, double penalty, bool weighDiscrepancies = true)
    {
        var ldc = new LDCMTL(Tasks, penalty, weighDiscrepancies);
        ldc.to(ScalarType.Float64);
        using var off = no_grad();
        foreach (var (p, t) in ldc.parameters().Zip(theta))
        {
            p.fill_(t);
        }

        return ldc;
    }
}
