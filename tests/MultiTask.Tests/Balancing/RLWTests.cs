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

    [Theory]
    [InlineData(RandomWeights.Normal)]
    [InlineData(RandomWeights.Uniform)]
    [InlineData(RandomWeights.Dirichlet)]
    [InlineData(RandomWeights.Bernoulli)]
    [InlineData(RandomWeights.ConstrainedBernoulli)]
    [InlineData(RandomWeights.RandomNormal)]
    public void In_every_distribution_weights_sum_to_one_and_each_step_and_seed_has_others(RandomWeights distribution)
    {
        var draws = Draws(distribution, 1_000);
        draws.Should().AllSatisfy(w => w.Should().OnlyContain(v => v >= 0));
        draws.Should().OnlyContain(w => Math.Abs(w.Sum() - 1) < 1e-14);
        draws.Select(w => string.Join(' ', w)).Distinct().Should().HaveCountGreaterThan(2);
        Draws(distribution, 20, seed: 4).SelectMany(w => w).Should().NotEqual(draws.Take(20).SelectMany(w => w));
        if (distribution != RandomWeights.RandomNormal)
        {
            Enumerable.Range(0, 3).Select(i => draws.Average(w => w[i])).Should().OnlyContain(mean => Math.Abs(mean - (1.0 / 3)) < 0.05);
        }
    }

    [Fact]
    public void The_default_gives_the_numbers_that_it_always_gave()
    {
        using var rlw = new RLW(seed: 1);
        rlw.Weigh(Losses).Should().Equal([0.03937264039931109, 0.9127594353040732, 0.0478679242966156], (x, y) => Math.Abs(x - y) < 1e-15);
    }

    [Fact]
    public void Uniform_weights_differ_by_a_factor_of_no_more_than_e()
    {
        var draws = Draws(RandomWeights.Uniform, 2_000);
        draws.Max(w => w.Max() / w.Min()).Should().BeInRange(2.4, Math.E);
    }

    [Fact]
    public void Dirichlet_weights_are_uniform_on_the_simplex()
    {
        // P(w < t) = 1 − (1 − t)² for three tasks.
        var draws = Draws(RandomWeights.Dirichlet, 3_000);
        foreach (var t in new[] { 0.1, 0.3, 0.6 })
        {
            draws.Average(w => w[1] < t ? 1.0 : 0).Should().BeApproximately(1 - Math.Pow(1 - t, 2), 0.03);
        }
    }

    [Fact]
    public void Bernoulli_weights_are_those_of_a_set_of_tasks_and_every_set_but_the_empty_one_is_as_likely()
    {
        var sets = Draws(RandomWeights.Bernoulli, 3_500).GroupBy(w => string.Join(' ', w.Select(v => v > 0 ? 1 : 0))).ToArray();
        sets.Should().HaveCount(7);
        sets.Should().OnlyContain(s => Math.Abs(s.Count() - 500) < 90);
        sets.SelectMany(s => s).Should().OnlyContain(w => w.Where(v => v > 0).Distinct().Count() == 1);
    }

    [Fact]
    public void Constrained_Bernoulli_weights_choose_one_task()
    {
        var draws = Draws(RandomWeights.ConstrainedBernoulli, 3_000);
        draws.Should().OnlyContain(w => w.Count(v => v == 1) == 1 && w.Count(v => v == 0) == 2);
        Enumerable.Range(0, 3).Select(i => draws.Sum(w => w[i])).Should().OnlyContain(n => Math.Abs(n - 1_000) < 100);
    }

    [Fact]
    public void Random_normal_weights_have_a_mean_and_a_deviation_for_each_task_which_stay()
    {
        using var rlw = new RLW(seed: 8, RandomWeights.RandomNormal);
        using var twin = new RLW(seed: 8, RandomWeights.RandomNormal);
        double Ratio(RLW method, TaskMap<double> losses) =>
            Enumerable.Range(0, 1_500).Select(_ => method.Weigh(losses)).Average(w => Math.Log(w[0] / w[1]));

        // The mean of log(w₀/w₁) is μ₀ − μ₁, in whatever company and order; its standard error is at most √2/√1500.
        var first = Ratio(rlw, [("a", 1), ("b", 1)]);
        Ratio(twin, [("a", 1), ("b", 1), ("c", 5)]).Should().BeApproximately(first, 0.15);
        Ratio(rlw, [("b", 1), ("a", 1)]).Should().BeApproximately(-first, 0.15);
        Enumerable.Range(0, 8).Select(seed =>
        {
            using var other = new RLW(seed, RandomWeights.RandomNormal);
            return Enumerable.Range(0, 300).Average(_ => Math.Log(other.Weigh([("a", 1), ("b", 1)]) is var w ? w[0] / w[1] : 0));
        }).Should().Contain(r => r < -0.2).And.Contain(r => r > 0.2);
    }

    [Fact]
    public void Refuses_a_distribution_that_there_is_not() =>
        FluentActions.Invoking(() => new RLW(distribution: (RandomWeights)17)).Should().Throw<ArgumentOutOfRangeException>().WithMessage("*`distribution`*Normal, Uniform*17*");

    private static double[][] Draws(RandomWeights distribution, int count, long seed = 3)
    {
        using var rlw = new RLW(seed, distribution);
        return [.. Enumerable.Range(0, count).Select(_ => rlw.Weigh(Losses))];
    }
}
