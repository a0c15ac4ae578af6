using FluentAssertions;
using MultiTask.Balancing;
using MultiTask.Numerics;
using MultiTask.Tests.Fixtures;

namespace MultiTask.Tests.Balancing;

public sealed class SDMGradTests
{
    private static readonly TaskMap<double> Two = [("0", 1), ("1", 1)];

    [Fact]
    public void Two_inner_steps_by_hand()
    {
        // The mean length is (2 + 4)/2 = 3, so A = [[4, 0], [0, 16]]/9. λ = ½, w₀ = w = (½, ½).
        using var method = new SDMGrad(["0", "1"], lambda: 0.5, iterations: 2, step: 0.1, momentum: 0.5);
        var (x, y) = (0.5, 0.5);
        var (vx, vy) = (0.0, 0.0);
        for (var s = 0; s < 2; s++)
        {
            vx = (0.5 * vx) + (4 / 9.0 * (x + 0.25));
            vy = (0.5 * vy) + (16 / 9.0 * (y + 0.25));
            var (a, b) = (x - (0.1 * vx), y - (0.1 * vy));
            (x, y) = (a + ((1 - a - b) / 2), b + ((1 - a - b) / 2));
        }

        Same(method.Weigh(Two, new double[,] { { 4, 0 }, { 0, 16 } }), [(x + 0.25) / 1.5, (y + 0.25) / 1.5], 1e-14);
    }

    [Fact]
    public void A_large_lambda_leaves_the_preferred_direction()
    {
        foreach (var sample in Gramians.Draw(300, seed: 50, most: 15))
        {
            var w = Samples.OnGramians(tasks => new SDMGrad(tasks, lambda: 1e12, preferences: TaskMap.Create(tasks.Select((t, i) => (t, 1.0 + i)))))(sample.Gramian);
            var sum = w.Select((_, i) => 1.0 + i).Sum();
            w.Should().Equal(w.Select((_, i) => (1.0 + i) / sum), (a, b) => Math.Abs(a - b) < 1e-11, "{0}", sample);
        }
    }

    [Fact]
    public void Without_lambda_and_with_short_steps_it_is_MGDA()
    {
        var random = new Random(51);
        for (var k = 0; k < 50; k++)
        {
            var m = 2 + (k % 5);
            var g = Gramians.Of(Gramians.Normal(random, m, 10));
            var w = Samples.OnGramians(tasks => new SDMGrad(tasks, lambda: 0, iterations: 3_000, step: 0.2))(g);
            var optimum = g.NormOf(MinNorm.Solve(g).Weights);
            g.NormOf(w).Should().BeInRange(optimum * (1 - 1e-9), optimum * (1 + 1e-6));
        }
    }

    [Fact]
    public void In_between_the_optimality_conditions_of_the_paper_hold()
    {
        // w minimises ½‖Jᵀ(w + λw₀)‖² on the simplex: gᵢ · Jᵀ(w + λw₀) is least, and the same, where wᵢ > 0.
        var random = new Random(52);
        for (var k = 0; k < 50; k++)
        {
            var m = 2 + (k % 5);
            var g = Gramians.Of(Gramians.Normal(random, m, 10));
            var found = Samples.OnGramians(tasks => new SDMGrad(tasks, lambda: 0.3, iterations: 3_000, step: 0.2))(g);
            double[] total = [.. found.Select(v => 1.3 * v)];
            var slopes = g.Times(total);
            for (var i = 0; i < m; i++)
            {
                var w = total[i] - (0.3 / m);
                (slopes[i] - slopes.Min()).Should().BeLessThan(w > 1e-6 ? 1e-4 * slopes.Max(Math.Abs) : double.MaxValue);
            }
        }
    }

    [Fact]
    public void The_scale_of_all_gradients_and_the_order_of_tasks_do_not_matter()
    {
        var method = Samples.OnGramians(tasks => new SDMGrad(tasks, step: 0.1));
        Laws.Homogeneous(method, Gramians.Draw(300, seed: 53, most: 15));
        Laws.PermutationEquivariant(method, Gramians.Draw(300, seed: 54, most: 15));
    }

    [Fact]
    public void The_weights_of_one_step_are_where_the_next_begins()
    {
        using var long_ = new SDMGrad(["0", "1"], iterations: 6, step: 0.1, momentum: 0);
        using var method = new SDMGrad(["0", "1"], iterations: 2, step: 0.1, momentum: 0);
        var products = new double[,] { { 4, -1 }, { -2, 16 } };
        var expected = long_.Weigh(Two, products);
        method.Weigh(Two, products);
        method.Weigh(Two, products);
        Same(method.Weigh(Two, products), expected, 1e-14);
        method.Reset();
        method.Weigh(Two, products).Should().NotEqual(expected);
    }

    [Fact]
    public void Weights_are_finite_and_sum_to_1_whatever_two_samples_give()
    {
        var random = new Random(55);
        foreach (var sample in Gramians.Draw(1_000, seed: 55, most: 15))
        {
            using var scope = TorchSharp.torch.NewDisposeScope();
            using var method = new SDMGrad(sample.Gramian.Tasks);
            var products = Samples.Products(sample.Gramian);
            products[random.Next(sample.Gramian.Count), random.Next(sample.Gramian.Count)] *= -1;
            var w = method.Weigh(sample.Gramian.Losses, products);
            (w.Min() >= 0 && Math.Abs(w.Sum() - 1) < 1e-12).Should().BeTrue("{0}", sample);
        }
    }

    [Fact]
    public void Products_that_say_nothing_leave_the_weights()
    {
        using var method = new SDMGrad(["0", "1"]);
        Same(method.Weigh(Two, new double[2, 2]), [0.5, 0.5], 1e-15);
        method.Weigh(Two, new double[,] { { -1, 1e300 }, { 3, -1e-300 } }).Should().OnlyContain(w => double.IsFinite(w));
    }

    [Fact]
    public void Bad_arguments_are_refused()
    {
        FluentActions.Invoking(() => new SDMGrad(["a"], lambda: -1)).Should().Throw<ArgumentOutOfRangeException>().WithMessage("*`lambda`*non-negative*-1*");
        FluentActions.Invoking(() => new SDMGrad(["a"], iterations: 0)).Should().Throw<ArgumentOutOfRangeException>().WithMessage("*`iterations`*at least 1*0*");
        FluentActions.Invoking(() => new SDMGrad(["a"], step: 0)).Should().Throw<ArgumentOutOfRangeException>().WithMessage("*`step`*positive*0*");
        FluentActions.Invoking(() => new SDMGrad(["a"], momentum: 1)).Should().Throw<ArgumentOutOfRangeException>().WithMessage("*`momentum`*[0, 1)*1*");
        FluentActions.Invoking(() => new SDMGrad(["a"], preferences: [("a", 0)])).Should().Throw<ArgumentException>().WithMessage("*'a'*preference*0*");
        using var method = new SDMGrad(["0"]);
        method.Invoking(m => m.Weigh(Two, new double[2, 2])).Should().Throw<ArgumentException>().WithMessage("*SDMGrad*'1'*");
    }

    private static void Same(double[] found, double[] expected, double tolerance) => found.Should().Equal(expected, (a, b) => Math.Abs(a - b) <= tolerance);
}
