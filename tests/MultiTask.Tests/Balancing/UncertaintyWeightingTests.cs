using FluentAssertions;
using MultiTask.Balancing;
using MultiTask.Tests.Fixtures;
using TorchSharp;
using static TorchSharp.torch;

namespace MultiTask.Tests.Balancing;

public sealed class UncertaintyWeightingTests
{
    [Fact]
    public void Losses_that_sum_to_7_give_3_and_a_half_at_the_start()
    {
        using var uw = new UncertaintyWeighting([("a", Likelihood.Gaussian), ("b", Likelihood.Gaussian)]);
        uw.Scalarize(Scalars.Of(("a", 2), ("b", 5))).item<double>().Should().Be(3.5);
    }

    [Theory]
    [InlineData(Likelihood.Gaussian, 0.0)]
    [InlineData(Likelihood.Gaussian, -0.7)]
    [InlineData(Likelihood.Laplace, 0.0)]
    [InlineData(Likelihood.Laplace, 1.3)]
    [InlineData(Likelihood.Categorical, 0.0)]
    [InlineData(Likelihood.Categorical, 0.4)]
    public void Value_weight_and_gradients_are_those_of_the_formula(Likelihood likelihood, double s)
    {
        const double Loss = 1.7;
        var (precision, slope) = likelihood switch
        {
            Likelihood.Gaussian => (0.5 * Math.Exp(-s), -0.5 * Math.Exp(-s)),
            Likelihood.Laplace => (Math.Exp(-s / 2), -0.5 * Math.Exp(-s / 2)),
            _ => (Math.Exp(-s), -Math.Exp(-s)),
        };
        using var uw = With(s, likelihood);
        var losses = Scalars.Of(("a", Loss));
        uw.Scalarize(losses).item<double>().Should().BeApproximately((precision * Loss) + (s / 2), 1e-14);
        uw.Slopes(losses)[0].Should().BeApproximately(precision, 1e-14);
        uw.parameters().Single().grad!.item<double>().Should().BeApproximately((slope * Loss) + 0.5, 1e-14);
        uw.LastWeights!["a"].Should().BeApproximately(precision, 1e-14);
    }

    [Theory]
    [InlineData(Likelihood.Gaussian, 1.0)]
    [InlineData(Likelihood.Laplace, 1.0)]
    [InlineData(Likelihood.Categorical, 2.0)]
    public void At_the_optimum_of_s_the_noise_is_what_the_loss_says(Likelihood likelihood, double factor)
    {
        // Gaussian: σ² = ℓ, Laplace: σ = ℓ, the categorical form: σ² = 2ℓ.
        const double Loss = 0.3;
        var variance = likelihood == Likelihood.Laplace ? Loss * Loss : factor * Loss;
        using var uw = With(Math.Log(variance), likelihood);
        uw.Slopes(Scalars.Of(("a", Loss)));
        uw.parameters().Single().grad!.item<double>().Should().BeApproximately(0, 1e-14);
    }

    [Fact]
    public void A_task_that_is_absent_does_not_move_its_s()
    {
        using var uw = new UncertaintyWeighting([("a", Likelihood.Gaussian), ("b", Likelihood.Gaussian)]);
        uw.Slopes(Scalars.Of(("b", 1)));
        uw.named_parameters().Where(p => p.parameter.grad is not null).Select(p => p.name).Should().Equal("log_variance.b");
    }

    /// <remarks>A clamp in the scalar had no gradient below the bound: what a step had taken there never came back.</remarks>
    [Fact]
    public void S_is_taken_back_to_its_bound_and_can_leave_it_again()
    {
        using var uw = With(-5, Likelihood.Gaussian, minimum: -2);
        var losses = Scalars.Of(("a", 100));
        var scalar = uw.Scalarize(losses);
        scalar.item<double>().Should().BeApproximately((0.5 * Math.Exp(2) * 100) - 1, 1e-10);
        scalar.backward();
        var s = uw.parameters().Single();
        s.item<double>().Should().Be(-2);
        s.grad!.item<double>().Should().BeApproximately(0.5 - (0.5 * Math.Exp(2) * 100), 1e-10, "a loss this large raises s");
    }

    [Fact]
    public void Refuses_bounds_and_tasks_that_make_no_sense()
    {
        FluentActions.Invoking(() => new UncertaintyWeighting([("a", Likelihood.Gaussian)], double.NaN)).Should().Throw<ArgumentOutOfRangeException>();
        FluentActions.Invoking(() => new UncertaintyWeighting([("a", Likelihood.Gaussian)], double.PositiveInfinity)).Should().Throw<ArgumentOutOfRangeException>();
        using var uw = With(0, Likelihood.Gaussian);
        uw.Invoking(u => u.Scalarize(Scalars.Of(("z", 1)))).Should().Throw<ArgumentException>().WithMessage("*'a'*'z'*");
    }

    private static UncertaintyWeighting With(double s, Likelihood likelihood, double minimum = double.NegativeInfinity)
    {
        var uw = new UncertaintyWeighting([("a", likelihood)], minimum);
        uw.to(ScalarType.Float64);
        using var off = no_grad();
        uw.parameters().Single().fill_(s);
        return uw;
    }
}
