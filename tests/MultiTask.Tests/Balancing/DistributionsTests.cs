using FluentAssertions;
using MultiTask.Balancing;

namespace MultiTask.Tests.Balancing;

public sealed class DistributionsTests
{
    [Theory]
    [InlineData(0.05, 0.05, 0.05)]
    [InlineData(0.3, 1.0, 2.5)]
    [InlineData(7.0, 3.0, 40.0)]
    public void Dirichlet_numbers_have_their_means_and_variances(double a, double b, double c)
    {
        double[] alpha = [a, b, c];
        var random = new Random(1);
        var draws = Enumerable.Range(0, 20_000).Select(_ => Distributions.Dirichlet(random, alpha)).ToArray();
        var sum = alpha.Sum();
        for (var i = 0; i < 3; i++)
        {
            var mean = alpha[i] / sum;
            var variance = mean * (1 - mean) / (sum + 1);
            draws.Average(d => d[i]).Should().BeApproximately(mean, 5 * Math.Sqrt(variance / draws.Length));
            draws.Average(d => Math.Pow(d[i] - mean, 2)).Should().BeApproximately(variance, 0.06 * variance);
        }
    }

    [Theory]
    [InlineData(1e-6)]
    [InlineData(1e-300)]
    [InlineData(1e12)]
    public void Extreme_concentrations_still_give_shares(double alpha)
    {
        var random = new Random(2);
        for (var k = 0; k < 200; k++)
        {
            var shares = Distributions.Dirichlet(random, [alpha, alpha]);
            shares.Should().OnlyContain(s => s >= 0 && s <= 1);
            shares.Sum().Should().BeApproximately(1, 1e-14);
        }
    }

    [Fact]
    public void Normal_numbers_are_standard()
    {
        var random = new Random(3);
        var draws = Enumerable.Range(0, 20_000).Select(_ => Distributions.Normal(random)).ToArray();
        draws.Average().Should().BeApproximately(0, 0.035);
        draws.Average(x => x * x).Should().BeApproximately(1, 0.05);
        draws.Average(x => Math.Abs(x) < 1 ? 1.0 : 0).Should().BeApproximately(0.6827, 0.017);
    }
}
