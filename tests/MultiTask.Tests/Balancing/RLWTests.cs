using FluentAssertions;
using MultiTask.Balancing;

namespace MultiTask.Tests.Balancing;

public sealed class RLWTests
{
    private static readonly TaskMap<double> Losses = [("a", 1), ("b", 20), ("c", 300)];

    [Fact]
    public void Weights_are_positive_and_sum_to_one()
    {
        using var rlw = new RLW();
        for (var step = 0; step < 500; step++)
        {
            var w = rlw.Weigh(Losses);
            w.Should().OnlyContain(v => v > 0);
            w.Sum().Should().BeApproximately(1, 1e-14);
        }
    }

    [Fact]
    public void Weights_have_the_mean_1_over_m_and_the_spread_of_a_softmax_of_normals()
    {
        using var rlw = new RLW(seed: 3);
        var draws = Enumerable.Range(0, 4_000).Select(_ => rlw.Weigh(Losses)).ToArray();
        for (var i = 0; i < 3; i++)
        {
            draws.Average(w => w[i]).Should().BeApproximately(1.0 / 3, 0.015);
        }

        // The standard deviation of the softmax of three standard normal numbers is 0.222.
        var deviation = Math.Sqrt(draws.Average(w => Math.Pow(w[0] - (1.0 / 3), 2)));
        deviation.Should().BeApproximately(0.222, 0.01);
    }

    [Fact]
    public void Each_step_has_other_weights_and_each_seed_others()
    {
        using var rlw = new RLW(seed: 1);
        using var other = new RLW(seed: 2);
        var first = rlw.Weigh(Losses);
        rlw.Weigh(Losses).Should().NotEqual(first);
        other.Weigh(Losses).Should().NotEqual(first);
    }

    [Fact]
    public void Reset_starts_the_same_numbers_again()
    {
        using var rlw = new RLW(seed: 1);
        var first = rlw.Weigh(Losses);
        rlw.Weigh(Losses);
        rlw.Reset();
        rlw.Weigh(Losses).Should().Equal(first);
    }

    [Fact]
    public void One_task_has_the_weight_1()
    {
        using var rlw = new RLW();
        rlw.Weigh([("a", 3)]).Should().Equal(1);
    }
}
