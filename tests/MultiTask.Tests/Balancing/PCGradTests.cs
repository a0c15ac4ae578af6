using FluentAssertions;
using MultiTask.Balancing;
using MultiTask.Tests.Fixtures;

namespace MultiTask.Tests.Balancing;

public sealed class PCGradTests
{
    [Fact]
    public void Golden_row_of_two_tasks()
    {
        using var pcgrad = new PCGrad();
        Same(pcgrad.Weigh(Gramians.Of(Jacobians.A)), [2.222222, 1.578947], 1e-6);
        Same(pcgrad.Aggregate(Jacobians.Of(Jacobians.A)).Values(), [0.584795, 3.80117, 3.80117], 1e-5);
    }

    [Fact]
    public void Golden_row_of_three_tasks_in_natural_order()
    {
        var g = Gramians.Of(Jacobians.B);
        Same(PCGrad.Weigh(g, i => Others(3, i)), [2.166667, 1.388889, 1.927027], 1e-6);
    }

    [Fact]
    public void Golden_row_of_three_tasks_over_all_orders()
    {
        var g = Gramians.Of(Jacobians.B);
        var forth = PCGrad.Weigh(g, i => Others(3, i));
        var back = PCGrad.Weigh(g, i => [.. Others(3, i).Reverse()]);
        Same([.. forth.Zip(back, (a, b) => (a + b) / 2)], [2.257658, 1.367417, 1.841892], 1e-6);
    }

    [Fact]
    public void Each_task_draws_an_order_of_its_own_and_all_orders_are_as_likely()
    {
        using var pcgrad = new PCGrad(seed: 5);
        var g = Gramians.Of(Jacobians.B);
        var draws = Enumerable.Range(0, 4_000).Select(_ => pcgrad.Weigh(g)).ToArray();
        draws.Select(w => string.Join(' ', w.Select(v => Math.Round(v, 6)))).Distinct().Should().HaveCount(8, "2 orders for each of 3 tasks");
        double[] mean = [.. Enumerable.Range(0, 3).Select(i => draws.Average(w => w[i]))];
        double[] expected = [2.257658, 1.367417, 1.841892];
        for (var i = 0; i < 3; i++)
        {
            var deviation = Math.Sqrt(draws.Average(w => Math.Pow(w[i] - mean[i], 2)));
            mean[i].Should().BeApproximately(expected[i], 4 * deviation / Math.Sqrt(draws.Length));
        }
    }

    [Fact]
    public void Two_tasks_have_a_closed_form()
    {
        using var pcgrad = new PCGrad();
        foreach (var sample in Gramians.Draw(3_000, seed: 30, most: 2))
        {
            var g = sample.Gramian;
            var inner = g[0, 1];
            double[] expected = inner < 0 ? [1 - (inner / g[0, 0]), 1 - (inner / g[1, 1])] : [1, 1];
            pcgrad.Weigh(g).Should().Equal(expected, (a, b) => Math.Abs(a - b) <= 1e-14 * Math.Abs(b), "{0}", sample);
        }
    }

    [Fact]
    public void Two_tasks_are_never_in_conflict()
    {
        using var pcgrad = new PCGrad();
        foreach (var sample in Gramians.Draw(3_000, seed: 31, most: 2))
        {
            var g = sample.Gramian;
            var w = pcgrad.Weigh(g);
            var length = (w[0] * g.Norm(0)) + (w[1] * g.Norm(1));
            var products = g.Times(w);
            (products[0] >= -1e-14 * g.Norm(0) * length && products[1] >= -1e-14 * g.Norm(1) * length).Should().BeTrue("{0}", sample);
        }
    }

    [Fact]
    public void Tasks_that_agree_are_summed()
    {
        using var pcgrad = new PCGrad();
        var random = new Random(32);
        for (var k = 0; k < 500; k++)
        {
            var rows = Gramians.Normal(random, 2 + (k % 9), 4).Select(row => Array.ConvertAll(row, Math.Abs)).ToArray();
            pcgrad.Weigh(Gramians.Of(rows)).Should().OnlyContain(w => w == 1);
        }
    }

    [Fact]
    public void Zero_gradients_take_nothing_from_the_others()
    {
        using var pcgrad = new PCGrad();
        pcgrad.Weigh(Gramians.Of([[1, 2], [0, 0], [3, 1]])).Should().Equal(1, 1, 1);
        pcgrad.Weigh(Gramians.Of([[0, 0], [0, 0]])).Should().Equal(1, 1);
    }

    [Fact]
    public void Opposite_gradients_cancel()
    {
        using var pcgrad = new PCGrad();
        pcgrad.Weigh(Gramians.Of([[3, 4], [-3, -4]])).Should().Equal(2, 2);
        pcgrad.Aggregate(Jacobians.Of([3, 4], [-3, -4])).Values().Should().Equal(0, 0);
    }

    [Fact]
    public void Projects_against_the_others_as_they_were()
    {
        // By hand: g₁ = (1, 0) meets g₂ = (−1, 1), then g₃ = (−1, −1): (1, 0) → (½, ½) → (½, ½), since (½, ½)·g₃ = −1 < 0 → (0, 0).
        var w = PCGrad.Weigh(Gramians.Of([[1, 0], [-1, 1], [-1, -1]]), i => i == 0 ? [1, 2] : []);
        w.Should().Equal([1, 1 + 0.5, 1 + 0.5], (a, b) => Math.Abs(a - b) < 1e-15);
    }

    [Fact]
    public void The_scale_of_all_gradients_does_not_matter()
    {
        foreach (var sample in Gramians.Draw(1_000, seed: 33, most: 12))
        {
            var g = sample.Gramian;
            var larger = Gramians.Of([.. sample.Rows.Select(row => Array.ConvertAll(row, v => v * 1024))]);
            PCGrad.Weigh(larger, i => Others(g.Count, i)).Should().Equal(PCGrad.Weigh(g, i => Others(g.Count, i)), "{0}", sample);
        }
    }

    [Fact]
    public void Weighs_as_the_paper_projects()
    {
        foreach (var sample in Gramians.Draw(1_000, seed: 34, most: 6).Where(s => s.Name.Contains("generic, generic")))
        {
            var rows = sample.Rows;
            var expected = new double[rows[0].Length];
            for (var i = 0; i < rows.Length; i++)
            {
                var g = rows[i];
                foreach (var j in Others(rows.Length, i))
                {
                    var factor = Math.Min(0, Gramians.Dot(g, rows[j])) / Gramians.Dot(rows[j], rows[j]);
                    g = [.. g.Zip(rows[j], (a, b) => a - (factor * b))];
                }

                expected = [.. expected.Zip(g, (a, b) => a + b)];
            }

            var w = PCGrad.Weigh(sample.Gramian, i => Others(rows.Length, i));
            var size = Enumerable.Range(0, rows.Length).Sum(i => w[i] * sample.Gramian.Norm(i));
            for (var k = 0; k < expected.Length; k++)
            {
                rows.Select((row, i) => w[i] * row[k]).Sum().Should().BeApproximately(expected[k], 1e-9 * size, "{0}", sample);
            }
        }
    }

    [Fact]
    public void Golden_row_of_the_average_over_orders()
    {
        using var average = new PCGrad(averageOrders: true);
        Same(average.Weigh(Gramians.Of(Jacobians.A)), [2.222222, 1.578947], 1e-6);
        Same(average.Weigh(Gramians.Of(Jacobians.B)), [2.257658, 1.367417, 1.841892], 1e-6);
        Same(average.Aggregate(Jacobians.Of(Jacobians.B)).Values(), [-0.923649, 2.198949, 3.209309, 2.109835], 1e-6);
    }

    [Fact]
    public void The_average_is_that_of_all_orders_one_by_one()
    {
        using var average = new PCGrad(averageOrders: true);
        foreach (var sample in Gramians.Draw(600, seed: 35, most: 6))
        {
            var g = sample.Gramian;
            var orders = Permutations([.. Enumerable.Range(0, g.Count - 1)]).ToArray();
            var expected = new double[g.Count];
            foreach (var order in orders)
            {
                var w = PCGrad.Weigh(g, i => [.. order.Select(k => k < i ? k : k + 1)]);
                expected = [.. expected.Zip(w, (sum, next) => sum + (next / orders.Length))];
            }

            Laws.SameDirection(sample, average.Weigh(g), expected, 1e-9);
        }
    }

    [Fact]
    public void The_average_does_not_depend_on_chance_or_on_the_order_of_tasks()
    {
        using var average = new PCGrad(seed: 1, averageOrders: true);
        using var other = new PCGrad(seed: 2, averageOrders: true);
        var g = Gramians.Of(Jacobians.B);
        average.Weigh(g).Should().Equal(average.Weigh(g)).And.Equal(other.Weigh(g));
        Laws.PermutationEquivariant(average.Weigh, Gramians.Draw(300, seed: 36, most: 7));
        Laws.Homogeneous(average.Weigh, Gramians.Draw(300, seed: 37, most: 7));
        average.Weigh(Gramians.Of([[1, 2], [3, 1], [0, 5], [0, 0]])).Should().Equal(1, 1, 1, 1);
    }

    [Fact]
    public void Averages_the_orders_of_no_more_tasks_than_it_can()
    {
        using var average = new PCGrad(averageOrders: true);

        // The corners of a simplex: all in conflict with all, and alike, so that all weights are.
        var w = average.Weigh(Simplex(PCGrad.MostTasksToAverage));
        w.Should().OnlyContain(v => Math.Abs(v - w[0]) < 1e-10 && v > 1);
        average.Invoking(a => a.Weigh(Simplex(PCGrad.MostTasksToAverage + 1))).Should().Throw<ArgumentException>().WithMessage("*at most 9*Found 10*");
    }

    private static Gramian Simplex(int count)
    {
        var g = new double[count, count];
        for (var i = 0; i < count; i++)
        {
            for (var j = 0; j < count; j++)
            {
                g[i, j] = i == j ? 1 : -1.0 / (count - 1);
            }
        }

        return new(g);
    }

    private static IEnumerable<int[]> Permutations(int[] items) =>
        items.Length == 0 ? [[]] : items.SelectMany(first => Permutations([.. items.Where(i => i != first)]).Select(rest => (int[])[first, .. rest]));

    private static int[] Others(int count, int i) => [.. Enumerable.Range(0, count).Where(j => j != i)];

    private static void Same(double[] found, double[] expected, double tolerance) =>
        found.Should().Equal(expected, (a, b) => Math.Abs(a - b) <= tolerance);
}
