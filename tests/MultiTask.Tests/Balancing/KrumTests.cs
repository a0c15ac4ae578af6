using FluentAssertions;
using MultiTask.Balancing;
using MultiTask.Tests.Fixtures;

namespace MultiTask.Tests.Balancing;

public sealed class KrumTests
{
    [Fact]
    public void Chooses_the_gradient_with_the_closest_neighbours()
    {
        // On a line: 0, 1, 3, 6, 100. With f = 1 two neighbours count: scores 1 + 9, 1 + 4, 4 + 9, 9 + 25, ….
        using var krum = new Krum();
        krum.Weigh(Gramians.Of([[0], [1], [3], [6], [100]])).Should().Equal(0, 1, 0, 0, 0);
    }

    /// <remarks>Distances 5, 5 against 1, 8: the sum is less for the second, the sum of squares for the first. TorchJD adds distances.</remarks>
    [Fact]
    public void Adds_squared_distances_as_the_paper_does()
    {
        using var krum = new Krum();
        double[][] rows = [[0, 0], [5, 0], [-5, 0], [0, 100], [1, 100], [0, 108]];
        double Sum(int i, Func<double, double> f) => rows.Where((_, j) => j != i)
            .Select(r => f(Math.Sqrt(r.Zip(rows[i], (a, b) => (a - b) * (a - b)).Sum()))).Order().Take(3).Sum();
        var expected = Enumerable.Range(0, 6).MinBy(i => Sum(i, d => d * d));
        Enumerable.Range(0, 6).MinBy(i => Sum(i, d => d)).Should().NotBe(expected, "else this tells nothing");
        krum.Weigh(Gramians.Of(rows))[expected].Should().Be(1);
    }

    [Fact]
    public void Several_selected_are_averaged()
    {
        using var krum = new Krum(selected: 2);
        krum.Weigh(Gramians.Of([[0], [1], [3], [6], [100]])).Should().Equal(0.5, 0.5, 0, 0, 0);
    }

    [Fact]
    public void Of_equals_the_first_is_chosen()
    {
        using var krum = new Krum();
        krum.Weigh(Gramians.Of([[5], [2], [2], [2], [9]])).Should().Equal(0, 1, 0, 0, 0);
    }

    [Fact]
    public void Liars_within_the_number_are_never_chosen()
    {
        var random = new Random(360);
        for (var k = 0; k < 500; k++)
        {
            var f = 1 + (k % 3);
            var m = (2 * f) + 3 + (k % 4);
            using var krum = new Krum(f);
            var rows = Gramians.Normal(random, m, 5);
            for (var i = 0; i < f; i++)
            {
                rows[i] = Array.ConvertAll(rows[i], v => (1000 + (10 * k)) * v);
            }

            krum.Weigh(Gramians.Of(rows)).Take(f).Should().OnlyContain(w => w == 0, "#{0}", k);
        }
    }

    [Fact]
    public void Too_few_tasks_still_have_a_neighbour()
    {
        using var krum = new Krum(byzantine: 5, selected: 4);
        krum.Weigh(Gramians.Of([[1]])).Should().Equal(1);
        krum.Weigh(Gramians.Of([[1], [5]])).Should().Equal(0.5, 0.5);
        using var one = new Krum();
        one.Weigh(Gramians.Of([[1], [5]])).Should().Equal(1, 0);
        one.Weigh(Gramians.Of([[1], [9], [8]])).Should().Equal(0, 1, 0);
    }

    [Fact]
    public void Weights_are_a_mean_whatever_the_gradients()
    {
        using var krum = new Krum(selected: 2);
        foreach (var sample in Gramians.Draw(10_000, seed: 361))
        {
            var w = krum.Weigh(sample.Gramian);
            w.Where(v => v != 0).Should().Equal(0.5, 0.5);
        }
    }

    [Fact]
    public void The_scale_of_all_gradients_does_not_matter()
    {
        using var krum = new Krum();
        Laws.Homogeneous(krum.Weigh, Gramians.Draw(1_000, seed: 362));
    }

    [Fact]
    public void The_order_of_tasks_does_not_matter_where_none_are_equally_good()
    {
        using var krum = new Krum();
        Laws.PermutationEquivariant(krum.Weigh, Gramians.Draw(2_000, seed: 363, least: 5).Where(s => s.Name.Contains("generic, generic")));
    }

    [Fact]
    public void Refuses_numbers_that_are_too_small()
    {
        FluentActions.Invoking(() => new Krum(-1)).Should().Throw<ArgumentOutOfRangeException>().WithMessage("*`byzantine`*non-negative*-1*");
        FluentActions.Invoking(() => new Krum(1, 0)).Should().Throw<ArgumentOutOfRangeException>().WithMessage("*`selected`*positive*0*");
    }
}
