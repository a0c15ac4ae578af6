using FluentAssertions;
using MultiTask.Balancing;
using MultiTask.Tests.Fixtures;

namespace MultiTask.Tests.Balancing;

public sealed class NormalizedWeightsTests
{
    [Fact]
    public void Keep_their_ratios_and_have_the_sum_asked_for()
    {
        using var pcgrad = new PCGrad();
        using var one = new NormalizedWeights(new PCGrad(), sum: 1);
        using var count = new NormalizedWeights(new PCGrad());
        foreach (var sample in Gramians.Draw(500, seed: 40, most: 2)) // two tasks: no random order
        {
            var plain = pcgrad.Weigh(sample.Gramian);
            var w = one.Weigh(sample.Gramian);
            w.Sum().Should().BeApproximately(1, 1e-12);
            (w[0] * plain[1]).Should().BeApproximately(w[1] * plain[0], 1e-12 * plain.Max(), "{0}", sample);
            count.Weigh(sample.Gramian).Sum().Should().BeApproximately(2, 1e-12);
        }
    }

    [Fact]
    public void Absolute_values_count()
    {
        using var method = new NormalizedWeights(new Given(3, -1), sum: 2);
        method.Weigh(Gramians.Of(Jacobians.A)).Should().Equal(1.5, -0.5);
    }

    [Fact]
    public void Extreme_weights_do_not_overflow_and_zeros_stay()
    {
        using var huge = new NormalizedWeights(new Given(1e308, 1e308), sum: 1);
        huge.Weigh(Gramians.Of(Jacobians.A)).Should().Equal(0.5, 0.5);
        using var nothing = new NormalizedWeights(new Given(0, 0));
        nothing.Weigh(Gramians.Of(Jacobians.A)).Should().Equal(0, 0);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(-1)]
    [InlineData(double.NaN)]
    [InlineData(double.PositiveInfinity)]
    public void Refuse_a_sum_that_is_not_positive(double sum) =>
        FluentActions.Invoking(() => new NormalizedWeights(new MGDA(), sum)).Should().Throw<ArgumentOutOfRangeException>().WithMessage("*`sum`*positive*");

    /// <summary>Weights from numbers.</summary>
    private sealed class Given(params double[] weights) : GramianWeighting(nameof(Given))
    {
        public override double[] Weigh(Gramian gramian) => weights;
    }
}
