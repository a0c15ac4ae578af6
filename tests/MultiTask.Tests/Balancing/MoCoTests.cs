using FluentAssertions;
using MultiTask.Balancing;
using MultiTask.Numerics;
using MultiTask.Tests.Contracts;
using MultiTask.Tests.Fixtures;
using static TorchSharp.torch;

namespace MultiTask.Tests.Balancing;

public sealed class MoCoTests : IDisposable
{
    private readonly TorchSharp.DisposeScope scope = NewDisposeScope();

    public void Dispose() => scope.Dispose();

    [Fact]
    public void The_first_two_steps_by_hand()
    {
        // β = ½, γ = 0.1, ρ = 0.2, nothing decays. y = ½ g; λ = Π(½ − 0.1 (YYᵀ + 0.2 I) ½).
        using var method = new MoCo(["0", "1"], 0.5, 0, 0.1, 0, 0.2);
        var d = method.Aggregate(Jacobians.Of([2, 0], [0, 1])).Values();
        // YYᵀ = diag(1, ¼): λ − … = (0.44, 0.4775), on the simplex (0.48125, 0.51875).
        Same(method.LastWeights!.Values, [0.48125, 0.51875]);
        Same(d, [0.48125, 0.259375]);

        // y = (1, 0)/2 + (2, 0)/2 = (1.5, 0), and (0, 0.75).
        d = method.Aggregate(Jacobians.Of([2, 0], [0, 1])).Values();
        double[] v = [0.48125 * (1 - (0.1 * 2.45)), 0.51875 * (1 - (0.1 * 0.7625))];
        var shift = (1 - v.Sum()) / 2;
        Same(method.LastWeights!.Values, [v[0] + shift, v[1] + shift]);
        Same(d, [1.5 * (v[0] + shift), 0.75 * (v[1] + shift)]);
    }

    [Fact]
    public void Steps_decay_as_published()
    {
        using var method = new MoCo(["0"]);
        // β = ½/√k of one constant gradient: 1 − y ← (1 − ½/√k)(1 − y).
        var rest = 1.0;
        for (var k = 1; k <= 5; k++)
        {
            rest *= 1 - (0.5 / Math.Sqrt(k));
            Same(method.Aggregate(Jacobians.Of([3])).Values(), [3 * (1 - rest)]);
        }
    }

    [Fact]
    public void Without_averages_it_comes_to_MGDA()
    {
        var random = new Random(31);
        for (var sample = 0; sample < 6; sample++)
        {
            using var inner = NewDisposeScope();
            var rows = Gramians.Normal(random, 2 + (sample % 4), 6);
            var jacobian = Jacobians.Of(rows);
            using var method = new MoCo(jacobian.Tasks, beta: 1, betaDecay: 0, gamma: 0.03, gammaDecay: 0);
            for (var step = 0; step < 800; step++)
            {
                method.Aggregate(jacobian).Dispose();
            }

            using var d = method.Aggregate(jacobian);
            var expected = jacobian.Combine(MinNorm.Solve(Gramians.Of(rows)).Weights).Values();
            d.Values().Should().Equal(expected, (a, b) => Math.Abs(a - b) < 1e-4);
        }
    }

    [Fact]
    public void The_average_is_the_gradient_where_batches_are_noise()
    {
        using var method = new MoCo(["0", "1"]);
        using var generator = new Generator(5);
        Tensor d = zeros(2);
        for (var step = 0; step < 1_500; step++)
        {
            using var inner = NewDisposeScope();
            var noise = randn([2, 2], ScalarType.Float64, generator: generator) * 2;
            d.Dispose();
            d = method.Aggregate(new Jacobian(tensor(new double[,] { { 1, 0 }, { 0, 1 } }) + noise, Jacobians.Of([1], [1]).Losses)).MoveToOuterDisposeScope();
        }

        // By MGDA: the shortest vector between (1, 0) and (0, 1). One batch's would be near 0 or anywhere.
        d.Values().Should().OnlyContain(v => Math.Abs(v - 0.5) < 0.3);
    }

    [Fact]
    public void Regularization_draws_to_equal_weights()
    {
        using var free = new MoCo(["0", "1"], 1, 0, 0.1, 0);
        using var drawn = new MoCo(["0", "1"], 1, 0, 0.1, 0, rho: 5);
        for (var step = 0; step < 200; step++)
        {
            free.Aggregate(Jacobians.Of([2, 0], [0, 1]));
            drawn.Aggregate(Jacobians.Of([2, 0], [0, 1]));
        }

        Same(free.LastWeights!.Values, [0.2, 0.8], 1e-9);
        // λ₁ (4 + ρ) = λ₂ (1 + ρ).
        Same(drawn.LastWeights!.Values, [6 / 15.0, 9 / 15.0], 1e-9);
    }

    [Fact]
    public void Weights_stay_on_the_simplex_whatever_the_scale_of_the_gradients()
    {
        foreach (var sample in Gramians.Draw(300, seed: 32, most: 10))
        {
            using var inner = NewDisposeScope();
            var jacobian = Jacobians.Of(sample.Rows);
            using var method = new MoCo(jacobian.Tasks);
            for (var step = 0; step < 2; step++)
            {
                method.Aggregate(jacobian).Values().All(double.IsFinite).Should().BeTrue("{0}", sample);
                var w = method.LastWeights!.Values;
                (w.Min() >= 0 && Math.Abs(w.Sum() - 1) < 1e-12).Should().BeTrue("{0}", sample);
            }
        }
    }

    [Fact]
    public void Reset_forgets()
    {
        using var method = new MoCo(["0", "1"]);
        var first = method.Aggregate(Jacobians.Of(Jacobians.A)).Values();
        method.Aggregate(Jacobians.Of(Jacobians.A));
        method.Reset();
        method.Aggregate(Jacobians.Of(Jacobians.A)).Values().Should().Equal(first);
    }

    [Fact]
    public void Only_without_averages_it_works_at_the_representation()
    {
        using var with = new MoCo(["a"], beta: 1);
        with.RemembersGradients.Should().BeTrue("β falls");
        using var net = new SmallNet(3);
        using var without = new MoCo(Concrete.Names(3), beta: 1, betaDecay: 0);
        var z = new Representation(net.Represent()).Cut();
        without.Backward(net.Losses(z), z);
        SmallNet.Gradients(net.Trunk.parameters()).Should().AllSatisfy(g => g.Should().NotBeNull());
    }

    [Fact]
    public void Bad_arguments_are_refused()
    {
        FluentActions.Invoking(() => new MoCo(["a"], beta: 0)).Should().Throw<ArgumentOutOfRangeException>().WithMessage("*`beta`*(0, 1]*Found 0.*");
        FluentActions.Invoking(() => new MoCo(["a"], beta: 1.5)).Should().Throw<ArgumentOutOfRangeException>().WithMessage("*`beta`*1.5*");
        FluentActions.Invoking(() => new MoCo(["a"], betaDecay: -1)).Should().Throw<ArgumentOutOfRangeException>().WithMessage("*`betaDecay`*-1*");
        FluentActions.Invoking(() => new MoCo(["a"], gamma: 0)).Should().Throw<ArgumentOutOfRangeException>().WithMessage("*`gamma`*positive*0*");
        FluentActions.Invoking(() => new MoCo(["a"], gammaDecay: double.NaN)).Should().Throw<ArgumentOutOfRangeException>().WithMessage("*`gammaDecay`*NaN*");
        FluentActions.Invoking(() => new MoCo(["a"], rho: -2)).Should().Throw<ArgumentOutOfRangeException>().WithMessage("*`rho`*-2*");
        using var method = new MoCo(["0"]);
        method.Invoking(m => m.Aggregate(Jacobians.Of(Jacobians.A))).Should().Throw<ArgumentException>().WithMessage("*MoCo*'1'*");
    }

    private static void Same(IEnumerable<double> found, double[] expected, double tolerance = 1e-12) =>
        found.Should().Equal(expected, (a, b) => Math.Abs(a - b) <= tolerance);
}
