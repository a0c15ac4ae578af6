using FluentAssertions;
using MultiTask.Balancing;
using MultiTask.Tests.Fixtures;

namespace MultiTask.Tests.Balancing;

public sealed class RandomGradientTests
{
    [Fact]
    public void Weights_are_those_of_RLW()
    {
        using var random = new RandomGradient(seed: 3);
        using var rlw = new RLW(seed: 3);
        for (var step = 0; step < 20; step++)
        {
            random.Weigh(Gramians.Of(Jacobians.B)).Should().Equal(rlw.Weigh([("a", 1), ("b", 2), ("c", 3)]));
        }
    }

    [Fact]
    public void Weights_are_positive_and_sum_to_one_whatever_the_gradients()
    {
        using var random = new RandomGradient();
        foreach (var sample in Gramians.Draw(500, seed: 380))
        {
            var w = random.Weigh(sample.Gramian);
            w.Should().HaveCount(sample.Gramian.Count).And.OnlyContain(v => v > 0);
            w.Sum().Should().BeApproximately(1, 1e-13);
        }
    }

    [Fact]
    public void Reset_starts_the_same_numbers_again()
    {
        using var random = new RandomGradient(seed: 1);
        var g = Gramians.Of(Jacobians.A);
        var first = random.Weigh(g);
        random.Weigh(g).Should().NotEqual(first);
        random.Reset();
        random.Weigh(g).Should().Equal(first);
    }

    [Fact]
    public void A_resumed_run_goes_on_with_the_same_numbers()
    {
        using var random = new RandomGradient(seed: 1);
        using var resumed = new RandomGradient(seed: 2);
        var g = Gramians.Of(Jacobians.A);
        random.Weigh(g);
        resumed.load_state_dict(random.state_dict());
        resumed.Weigh(g).Should().Equal(random.Weigh(g));
    }
}
