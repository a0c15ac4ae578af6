using FluentAssertions;
using MultiTask.Numerics;
using MultiTask.Tests.Fixtures;

namespace MultiTask.Tests.Numerics;

/// <remarks>
/// Mostly with the problem of CAGrad, b = G w₀ and κ = c √w₀ᵀGw₀. Float64 knows gᵢ·d, for d = Σ vⱼgⱼ, to rounding × ‖gᵢ‖ Σ vⱼ‖gⱼ‖;
/// "to 1e-9" below means 1e-9 of that. 10 000 samples are held to it in CAGradTests.
/// </remarks>
public sealed class TrustRegionTests
{
    [Theory]
    [InlineData(0.4, 2_000)]
    [InlineData(0.05, 1_000)]
    [InlineData(0.9, 1_000)]
    [InlineData(1, 1_000)]
    [InlineData(7, 1_000)]
    public void No_function_is_lower_than_those_that_have_weight(double c, int count)
    {
        foreach (var sample in Gramians.Draw(count, seed: 200).Where(HasMean))
        {
            var (g, problem) = (sample.Gramian, new Problem(sample.Gramian, c));
            var (solution, w) = (problem.Solution, problem.Solution.Weights);
            w.Min().Should().BeGreaterThanOrEqualTo(0, "{0}", sample);
            w.Sum().Should().BeApproximately(1, 1e-13, "{0}", sample);
            var rates = problem.Rates;
            var level = Gramians.Dot(w, rates);
            var below = Enumerable.Range(0, g.Count).Max(i => (level - rates[i]) / (g.Norm(i) * problem.Length));
            below.Should().BeLessThanOrEqualTo(1e-9, "{0}", sample);
            var e = solution.Scale * Math.Sqrt(Math.Max(0, Gramians.Dot(w, g.Times(w))));
            (e - problem.Radius).Should().BeLessThanOrEqualTo(1e-9 * problem.Length, "{0}: within the ball", sample);
        }
    }

    [Fact]
    public void Every_search_ends_at_the_optimum_and_soon()
    {
        foreach (var sample in Gramians.Draw(2_000, seed: 201).Where(HasMean))
        {
            var solution = new Problem(sample.Gramian, 0.4).Solution;
            solution.Exit.Should().Be(SolverExit.Optimal, "{0}", sample);
            solution.Iterations.Should().BeLessThanOrEqualTo(2 * (sample.Gramian.Count + 10), "{0}", sample);
        }
    }

    [Theory]
    [InlineData(0.2)]
    [InlineData(0.6)]
    public void No_weights_of_a_fine_grid_have_a_lower_value(double c)
    {
        foreach (var sample in Gramians.Draw(60, seed: 202, least: 3, most: 3).Where(HasMean))
        {
            var problem = new Problem(sample.Gramian, c);
            var found = problem.Value(problem.Solution.Weights);
            var least = double.PositiveInfinity;
            for (var i = 0; i <= 60; i++)
            {
                for (var j = 0; j <= 60 - i; j++)
                {
                    least = Math.Min(least, problem.Value([i / 60.0, j / 60.0, (60 - i - j) / 60.0]));
                }
            }

            least.Should().BeGreaterThanOrEqualTo(found - (1e-7 * problem.Size), "{0}", sample);
        }
    }

    [Fact]
    public void Two_functions_agree_with_a_search_along_the_line()
    {
        foreach (var sample in Gramians.Draw(500, seed: 203, most: 2).Where(HasMean))
        {
            var problem = new Problem(sample.Gramian, 0.5);
            var (low, high) = (0.0, 1.0);
            for (var k = 0; k < 100; k++)
            {
                var (a, b) = (low + ((high - low) / 3), high - ((high - low) / 3));
                (low, high) = problem.Value([a, 1 - a]) < problem.Value([b, 1 - b]) ? (low, b) : (a, high);
            }

            problem.Value(problem.Solution.Weights).Should().BeLessThanOrEqualTo(problem.Value([low, 1 - low]) + (1e-7 * problem.Size), "{0}", sample);
        }
    }

    [Fact]
    public void Without_linear_terms_it_is_the_min_norm_point()
    {
        foreach (var sample in Gramians.Draw(1_000, seed: 204, most: 20).Where(HasMean))
        {
            var g = sample.Gramian;
            var norms = Enumerable.Range(0, g.Count).Select(g.Norm).ToArray();
            var w = TrustRegion.Solve(Problem.Entries(g), new double[g.Count], 1, norms, 0).Weights;
            var (found, shortest) = (g.Times(w), g.Times(MinNorm.Solve(g).Weights));
            var length = Math.Max(Laws.Length(g, w), norms.Min());
            for (var i = 0; i < g.Count; i++)
            {
                found[i].Should().BeApproximately(shortest[i], 1e-7 * length * norms[i], "{0}, task {1}", sample, i);
            }
        }
    }

    [Fact]
    public void A_function_that_falls_for_ever_along_the_affine_hull_ends_where_a_weight_does()
    {
        // ‖m₀ − m₁‖ is less than b₁ − b₀: whatever is put on the first lowers the value.
        TrustRegion.Solve(new[,] { { 1.0, 1 }, { 1, 1.01 } }, [0, 5], 1, [1, 1], 1).Weights.Should().Equal(1, 0);
    }

    [Theory]
    [InlineData(60, 30)]
    [InlineData(200, 150)]
    [InlineData(200, 1000)]
    public void Many_functions_are_no_trouble(int m, int n)
    {
        var g = Gramians.Of(Gramians.Normal(new Random(205), m, n));
        var problem = new Problem(g, 0.4);
        problem.Solution.Exit.Should().Be(SolverExit.Optimal);
        var level = Gramians.Dot(problem.Solution.Weights, problem.Rates);
        Enumerable.Range(0, m).Max(i => (level - problem.Rates[i]) / g.Norm(i)).Should().BeLessThan(1e-12 * problem.Length);
    }

    private static bool HasMean(GramianSample sample) => new Problem(sample.Gramian, 1, solve: false).Radius > 0
        && Enumerable.Range(0, sample.Gramian.Count).All(i => sample.Gramian[i, i] > 0);

    /// <summary>CAGrad's problem.</summary>
    private sealed class Problem
    {
        private readonly Gramian g;
        private readonly double[] b;

        public Problem(Gramian g, double c, bool solve = true)
        {
            this.g = g;
            double[] mean = [.. Enumerable.Repeat(1.0 / g.Count, g.Count)];
            b = g.Times(mean);
            Radius = c * Math.Sqrt(Math.Max(0, Gramians.Dot(mean, b)));
            Solution = solve ? TrustRegion.Solve(Entries(g), b, Radius, [.. Enumerable.Range(0, g.Count).Select(g.Norm)], Laws.Length(g, mean)) : null!;
            Length = solve ? Laws.Length(g, mean) + (Solution.Scale * Laws.Length(g, Solution.Weights)) : 0;
            Rates = solve ? [.. b.Zip(g.Times(Solution.Weights), (x, y) => x + (Solution.Scale * y))] : [];
            Size = Math.Pow(Enumerable.Range(0, g.Count).Max(g.Norm), 2);
        }

        public double Radius { get; }

        public TrustRegionSolution Solution { get; }

        /// <summary>gᵢ·d.</summary>
        public double[] Rates { get; }

        public double Length { get; }

        /// <summary>The square of the longest gradient.</summary>
        public double Size { get; }

        public double Value(double[] w) => Gramians.Dot(b, w) + (Radius * Math.Sqrt(Math.Max(0, Gramians.Dot(w, g.Times(w)))));

        public static double[,] Entries(Gramian g)
        {
            var m = new double[g.Count, g.Count];
            for (var i = 0; i < g.Count; i++)
            {
                for (var j = 0; j < g.Count; j++)
                {
                    m[i, j] = g[i, j];
                }
            }

            return m;
        }
    }
}
