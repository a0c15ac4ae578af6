using FluentAssertions;
using MultiTask.Balancing;
using MultiTask.Tests.Fixtures;

namespace MultiTask.Tests.Balancing;

public sealed class GradVacTests
{
    [Fact]
    public void The_first_step_is_that_of_PCGrad()
    {
        foreach (var sample in Gramians.Draw(500, seed: 80, most: 12))
        {
            using var gradvac = new GradVac(sample.Gramian.Tasks, seed: 5);
            using var pcgrad = new PCGrad(seed: 5);
            Laws.SameDirection(sample, gradvac.Weigh(sample.Gramian), pcgrad.Weigh(sample.Gramian), 1e-9);
        }
    }

    [Fact]
    public void Without_a_memory_it_is_PCGrad()
    {
        using var gradvac = new GradVac(["0", "1", "2"], beta: 0);
        using var pcgrad = new PCGrad();
        foreach (var sample in Gramians.Draw(200, seed: 81, least: 3, most: 3))
        {
            Laws.SameDirection(sample, gradvac.Weigh(sample.Gramian), pcgrad.Weigh(sample.Gramian), 1e-9);
        }
    }

    [Fact]
    public void Two_tasks_get_the_cosine_they_had()
    {
        var random = new Random(82);
        for (var k = 0; k < 300; k++)
        {
            var g = Gramians.Of(Gramians.Normal(random, 2, 3));
            var target = g.Cosine(0, 1) + ((1 - g.Cosine(0, 1)) * random.NextDouble());
            using var gradvac = new GradVac(["0", "1"], beta: 1);
            gradvac.Weigh(OfAngle(target)).Should().OnlyContain(w => target < 0 || w == 1);
            var w = gradvac.Weigh(g);

            // w = (1 + a₂, 1 + a₁), of g₁ + a₁ g₂ and g₂ + a₂ g₁.
            CosineOfSum(g, 0, 1, w[1] - 1).Should().BeApproximately(target, 1e-9);
            CosineOfSum(g, 1, 0, w[0] - 1).Should().BeApproximately(target, 1e-9);
        }
    }

    [Fact]
    public void Two_tasks_by_hand()
    {
        using var gradvac = new GradVac(["0", "1"], beta: 0.5);
        gradvac.Weigh(Gramians.Of([[1, 0], [0.6, 0.8]])).Should().Equal([1, 1], "0.6 is more than the first target, 0");

        // φ̂ = 0.3 in both directions; φ = 0, so a₁ = 0.3 / √0.91 · 1/2 and a₂ = 0.3 / √0.91 · 2/1.
        var a = 0.3 / Math.Sqrt(0.91);
        Same(gradvac.Weigh(Gramians.Of([[1, 0], [0, 2]])), [1 + (2 * a), 1 + (a / 2)], 1e-14);

        // φ̂ = 0.15, and φ = −1: nothing is left of either.
        Same(gradvac.Weigh(Gramians.Of([[1, 0], [-2, 0]])), [1 + 2, 1 + 0.5], 1e-14);
    }

    [Fact]
    public void Does_to_the_gradients_what_the_paper_does()
    {
        string[] tasks = ["a", "b", "c", "d"];
        var random = new Random(83);
        using var gradvac = new GradVac(tasks, beta: 0.3, seed: 7);
        using var draws = new Draws(7);
        var targets = new double[4, 4];
        for (var step = 0; step < 30; step++)
        {
            var rows = Gramians.Normal(random, 4, 6);
            var expected = Paper(rows, targets, 0.3, draws.Next());
            var found = Laws.Direction(rows, gradvac.Weigh(Named(tasks, rows)));
            found.Should().Equal(expected, (x, y) => Math.Abs(x - y) < 1e-9, "step {0}", step);
        }
    }

    [Fact]
    public void Homogeneous_and_finite_over_many_steps()
    {
        string[] tasks = [.. Enumerable.Range(0, 15).Select(i => $"{i}")];
        foreach (var beta in new[] { 0.01, 1 })
        {
            using var gradvac = new GradVac(tasks, beta);
            Laws.Finite(gradvac.Weigh, Gramians.Draw(300, seed: 84, most: 15));
        }

        Laws.Homogeneous(Second, Gramians.Draw(150, seed: 85, most: 15));

        double[] Second(Gramian g)
        {
            using var gradvac = new GradVac(tasks, beta: 0.5);
            gradvac.Weigh(g);
            return gradvac.Weigh(g);
        }
    }

    [Fact]
    public void Tasks_whose_gradients_are_parallel_step_by_step_are_summed()
    {
        foreach (var beta in new[] { 0.3, 1 })
        {
            using var gradvac = new GradVac(["0", "1", "2"], beta);
            var random = new Random(86);
            for (var step = 0; step < 300; step++)
            {
                var row = Gramians.Normal(random, 1, 5)[0];
                double[][] rows = [row, Array.ConvertAll(row, v => 3 * v), Array.ConvertAll(row, v => 1e-7 * v / 3)];
                gradvac.Weigh(Gramians.Of(rows)).Should().Equal(1, 1, 1);
            }
        }
    }

    [Fact]
    public void A_target_of_1_is_approached_as_far_as_the_length_may_grow()
    {
        double[][] parallel = [[1, 0], [2, 0]];
        using var gradvac = new GradVac(["0", "1"], beta: 1);
        gradvac.Weigh(Gramians.Of(parallel));
        var w = gradvac.Weigh(Gramians.Of([[1, 0], [0, 0.5]]));
        Same([w[0] - 1, w[1] - 1], [0.5e6 * Math.Sqrt(1 - 1e-12), 2e6 * Math.Sqrt(1 - 1e-12)], 1e-3);

        gradvac.Weigh(Gramians.Of(parallel));
        gradvac.Weigh(Gramians.Of([[1, 0], [-2, 0]])).Should().Equal([3, 1.5], "opposite gradients cancel, whatever the target");
    }

    [Fact]
    public void Gradients_of_length_zero_change_nothing_and_no_target()
    {
        using var gradvac = new GradVac(["0", "1"], beta: 0.5);
        using var twin = new GradVac(["0", "1"], beta: 0.5);
        var g = Gramians.Of([[1, 0], [0.6, 0.8]]);
        gradvac.Weigh(g);
        twin.Weigh(g);
        gradvac.Weigh(Gramians.Of([[1, 0], [0, 0]])).Should().Equal(1, 1);
        gradvac.Weigh(Gramians.Of([[0, 0], [0, 0]])).Should().Equal(1, 1);
        gradvac.Weigh(Gramians.Of(Jacobians.A)).Should().Equal(twin.Weigh(Gramians.Of(Jacobians.A)));
    }

    [Fact]
    public void A_batch_without_a_task_leaves_its_targets()
    {
        string[] tasks = ["a", "b", "c"];
        double[][] rows = [[1, 0], [0.6, 0.8], [0.8, 0.6]];
        using var gradvac = new GradVac(tasks, beta: 1);
        gradvac.Weigh(Named(tasks, rows));
        gradvac.Weigh(Named(["c", "a"], [[1, 0], [0, 1]]));

        // a and b still have 0.6 to reach; a and c now have 0.
        var w = gradvac.Weigh(Named(["b", "a"], [[0, 1], [1, 0]]));
        Same(w, [1.75, 1.75], 1e-12);
        gradvac.Weigh(Named(["a", "c"], [[0, 1], [1, 0]])).Should().Equal(1, 1);
        gradvac.Weigh(Named(["b"], [[1, 0]])).Should().Equal(1);
    }

    [Fact]
    public void Targets_are_found_by_the_names_of_the_pair_whatever_the_order_of_the_tasks()
    {
        double[][] rows = [[1, 0, 0.2], [0.6, 0.8, 0], [0.1, 0.9, 0.5]];
        using var saved = new GradVac(["a", "c", "b"], beta: 1);
        using var loaded = new GradVac(["c", "b", "a"], beta: 1);
        saved.Weigh(Named(["a", "b", "c"], rows));
        loaded.load_state_dict(saved.state_dict());
        var next = Named(["a", "b", "c"], [[1, 0, 0], [0, 1, 0], [0, 0, 1]]);
        var w = loaded.Weigh(next);
        w.Should().Equal(saved.Weigh(next));
        w.Should().NotEqual([1.0, 1.0, 1.0]);
    }

    [Fact]
    public void A_task_that_is_added_leaves_the_targets_of_the_others()
    {
        using var two = new GradVac(["a", "b"], beta: 1);
        using var three = new GradVac(["c", "b", "a"], beta: 1);
        two.Weigh(Named(["a", "b"], [[1, 0], [0.6, 0.8]]));
        three.load_state_dict(two.state_dict(), strict: false);
        Same(three.Weigh(Named(["a", "b"], [[1, 0], [0, 1]])), [1.75, 1.75], 1e-12);
        three.Weigh(Named(["a", "c"], [[1, 0], [0, 1]])).Should().Equal(1, 1);
    }

    [Fact]
    public void Reset_forgets_the_targets_and_the_draws()
    {
        using var gradvac = new GradVac(["0", "1", "2"], beta: 0.5);
        var g = Gramians.Of(Jacobians.B);
        var first = gradvac.Weigh(g);
        gradvac.Weigh(g).Should().NotEqual(first);
        gradvac.Reset();
        gradvac.Weigh(g).Should().Equal(first);
    }

    [Theory]
    [InlineData(-0.5)]
    [InlineData(1.5)]
    [InlineData(double.NaN)]
    public void Refuses_a_beta_that_is_none(double beta) =>
        FluentActions.Invoking(() => new GradVac(["a"], beta)).Should().Throw<ArgumentOutOfRangeException>().WithMessage($"*`beta`*[0, 1]*{beta}*");

    [Fact]
    public void Refuses_tasks_it_was_not_built_for()
    {
        using var gradvac = new GradVac(["0", "x"]);
        gradvac.Invoking(v => v.Weigh(Gramians.Of(Jacobians.A))).Should().Throw<ArgumentException>().WithMessage("*GradVac*'0', 'x'*'1'*");
        FluentActions.Invoking(() => new GradVac(["a", "a"])).Should().Throw<ArgumentException>().WithMessage("*distinct*'a'*");
    }

    /// <summary>The algorithm of the paper's appendix, on vectors.</summary>
    private static double[] Paper(double[][] rows, double[,] targets, double beta, Random random)
    {
        var sum = new double[rows[0].Length];
        for (var i = 0; i < rows.Length; i++)
        {
            var g = rows[i];
            foreach (var j in Orders.Shuffled(random, rows.Length, i))
            {
                var (norm, other) = (Math.Sqrt(Gramians.Dot(g, g)), Math.Sqrt(Gramians.Dot(rows[j], rows[j])));
                var phi = Gramians.Dot(g, rows[j]) / (norm * other);
                var target = targets[i, j];
                if (phi < target)
                {
                    var a = norm * ((target * Math.Sqrt(1 - (phi * phi))) - (phi * Math.Sqrt(1 - (target * target)))) / (other * Math.Sqrt(1 - (target * target)));
                    g = [.. g.Zip(rows[j], (x, y) => x + (a * y))];
                }

                targets[i, j] = ((1 - beta) * target) + (beta * phi);
            }

            sum = [.. sum.Zip(g, (x, y) => x + y)];
        }

        return sum;
    }

    private static double CosineOfSum(Gramian g, int i, int j, double a) =>
        (g[i, j] + (a * g[j, j])) / Math.Sqrt((g[i, i] + (2 * a * g[i, j]) + (a * a * g[j, j])) * g[j, j]);

    private static Gramian OfAngle(double cosine) => new(new[,] { { 1, cosine }, { cosine, 1 } });

    private static Gramian Named(string[] tasks, double[][] rows)
    {
        var g = Gramians.Of(rows);
        var entries = new double[g.Count, g.Count];
        for (var i = 0; i < g.Count; i++)
        {
            for (var j = 0; j < g.Count; j++)
            {
                entries[i, j] = g[i, j];
            }
        }

        return new(entries, TaskMap.Create(tasks.Select(t => (t, 1.0))));
    }

    private static void Same(double[] found, double[] expected, double tolerance) =>
        found.Should().Equal(expected, (x, y) => Math.Abs(x - y) <= tolerance);
}
