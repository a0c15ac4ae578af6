using FluentAssertions;
using MultiTask.Balancing;
using MultiTask.Numerics;
using MultiTask.Tests.Fixtures;

namespace MultiTask.Tests.Balancing;

public sealed class MoDoTests
{
    private static readonly TaskMap<double> Two = [("0", 1), ("1", 1)];

    [Fact]
    public void The_first_two_steps_by_hand()
    {
        using var method = new MoDo(["0", "1"], gamma: 0.1, rho: 0.2);
        // λ − γ(Aλ + ρλ) = (½ − 0.1 (½ (2 + 1) + 0.1), ½ − 0.1 (½ (−3 + 1) + 0.1)) = (0.34, 0.59).
        Same(method.Weigh(Two, new double[,] { { 2, 1 }, { -3, 1 } }), [0.375, 0.625]);
        // (0.375 − 0.1 · 0.2 · 0.375, 0.625 − 0.1 · 0.2 · 0.625) = (0.3675, 0.6125).
        Same(method.Weigh(Two, new double[,] { { 0, 0 }, { 0, 0 } }), [0.3775, 0.6225]);
    }

    [Fact]
    public void With_small_steps_and_without_noise_it_comes_to_MGDA()
    {
        var random = new Random(41);
        for (var k = 0; k < 15; k++)
        {
            var rows = Gramians.Normal(random, 2 + (k % 5), 8);
            var g = Gramians.Of(rows);
            using var method = new MoDo(g.Tasks, gamma: 0.02, rho: 0);
            double[] w = [];
            for (var step = 0; step < 500; step++)
            {
                w = method.Weigh(g.Losses, Samples.Products(g));
            }

            var optimum = g.NormOf(MinNorm.Solve(g).Weights);
            g.NormOf(w).Should().BeInRange(optimum * (1 - 1e-9), (optimum * (1 + 1e-4)) + 1e-4);
        }
    }

    /// <remarks>
    /// Two tasks with the same gradient norm, one in much noise. In the products of a batch with itself the noise counts, and λ goes to the
    /// other task; in those of two batches it does not.
    /// </remarks>
    [Fact]
    public void Two_samples_are_not_biased_by_noise_and_one_is()
    {
        var random = new Random(42);
        var twice = Mean(once: false);
        Mean(once: true).Should().BeLessThan(0.1);
        twice.Should().BeInRange(0.3, 0.7);

        double Mean(bool once)
        {
            using var method = new MoDo(["0", "1"], gamma: 0.002, rho: 0);
            var (sum, steps) = (0.0, 4_000);
            for (var step = 0; step < steps; step++)
            {
                double[][] Draw() => [[1 + (2 * Gramians.Gaussian(random)), 2 * Gramians.Gaussian(random), 2 * Gramians.Gaussian(random)], [0, 1, 0]];
                var first = Draw();
                var second = once ? first : Draw();
                sum += method.Weigh(Two, new[,]
                {
                    { Gramians.Dot(first[0], second[0]), Gramians.Dot(first[0], second[1]) },
                    { Gramians.Dot(first[1], second[0]), Gramians.Dot(first[1], second[1]) },
                })[0];
            }

            return sum / steps;
        }
    }

    [Fact]
    public void Tasks_that_are_equal_stay_equal_and_their_order_does_not_matter()
    {
        using var method = new MoDo(["0", "1"]);
        for (var step = 0; step < 10; step++)
        {
            Same(method.Weigh(Two, new double[,] { { 5, 5 }, { 5, 5 } }), [0.5, 0.5]);
        }

        Laws.PermutationEquivariant(Samples.OnGramians(tasks => new MoDo(tasks)), Gramians.Draw(300, seed: 43, most: 15));
    }

    [Fact]
    public void Weights_stay_on_the_simplex()
    {
        var random = new Random(44);
        foreach (var sample in Gramians.Draw(1_000, seed: 44, most: 15))
        {
            using var scope = TorchSharp.torch.NewDisposeScope();
            using var method = new MoDo(sample.Gramian.Tasks);
            var products = Samples.Products(sample.Gramian);
            products[0, random.Next(sample.Gramian.Count)] *= -1; // not symmetric, as two samples give
            var w = method.Weigh(sample.Gramian.Losses, products);
            (w.Min() >= 0 && Math.Abs(w.Sum() - 1) < 1e-12).Should().BeTrue("{0}", sample);
        }
    }

    [Fact]
    public void Reset_forgets()
    {
        using var method = new MoDo(["0", "1"]);
        var products = new double[,] { { 2, 1 }, { -3, 1 } };
        var first = method.Weigh(Two, products);
        method.Weigh(Two, products).Should().NotEqual(first);
        method.Reset();
        method.Weigh(Two, products).Should().Equal(first);
    }

    [Fact]
    public void Bad_arguments_are_refused()
    {
        FluentActions.Invoking(() => new MoDo(["a"], gamma: 0)).Should().Throw<ArgumentOutOfRangeException>().WithMessage("*`gamma`*positive*0*");
        FluentActions.Invoking(() => new MoDo(["a"], rho: -0.1)).Should().Throw<ArgumentOutOfRangeException>().WithMessage("*`rho`*non-negative*-0.1*");
        using var method = new MoDo(["0"]);
        method.Invoking(m => m.Weigh(Two, new double[2, 2])).Should().Throw<ArgumentException>().WithMessage("*MoDo*'1'*");
    }

    private static void Same(double[] found, double[] expected) => found.Should().Equal(expected, (a, b) => Math.Abs(a - b) < 1e-12);
}
