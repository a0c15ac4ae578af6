using FluentAssertions;
using MultiTask.Numerics;
using MultiTask.Tests.Fixtures;

namespace MultiTask.Tests.Numerics;

/// <remarks>
/// The objective is convex with a kink. On each side of it, the side's part of the simplex is a polytope with known corners, and
/// on that part a point is the minimum if and only if no slope towards a corner is negative.
/// </remarks>
public sealed class BarrierMinNormTests
{
    [Fact]
    public void No_slope_towards_a_corner_of_its_side_is_negative()
    {
        var sides = new Dictionary<string, int> { ["free"] = 0, ["barred"] = 0, ["kink"] = 0 };
        foreach (var problem in Problem.Draw(11_500, seed: 1))
        {
            var w = BarrierMinNorm.Solve(problem.G, problem.Products, problem.Squared, problem.Rho).Weights;
            w.Min().Should().BeGreaterThanOrEqualTo(0, "{0}", problem);
            w.Sum().Should().BeApproximately(1, 1e-12, "{0}", problem);
            var level = problem.Level(w);
            var doubt = 1e-9 * w.Select((v, i) => v * (problem.Rho + (problem.G.Norm(i) / Math.Sqrt(problem.Squared)))).Sum();
            sides[level > doubt ? "barred" : level < -doubt ? "free" : "kink"]++;
            if (level <= doubt)
            {
                Expect(problem, w, free: true);
            }

            if (level >= -doubt)
            {
                Expect(problem, w, free: false);
            }
        }

        sides.Values.Should().AllSatisfy(count => count.Should().BeGreaterThan(100), "each side is to be tested");
    }

    [Fact]
    public void No_other_weights_are_better()
    {
        foreach (var (k, problem) in Problem.Draw(1_000, seed: 2, most: 6).Index())
        {
            var random = new Random(k);
            var w = BarrierMinNorm.Solve(problem.G, problem.Products, problem.Squared, problem.Rho).Weights;
            var best = problem.Objective(w);
            for (var trial = 0; trial < 50; trial++)
            {
                var other = w.Select((v, i) => trial % 2 == 0 ? -Math.Log(1 - random.NextDouble()) : v + (random.NextDouble() * 0.01)).ToArray();
                var sum = other.Sum();
                other = Array.ConvertAll(other, v => v / sum);
                var scale = problem.Scale(w) + problem.Scale(other);
                best.Should().BeLessThanOrEqualTo(problem.Objective(other) + (1e-12 * scale), "{0}", problem);
            }
        }
    }

    [Fact]
    public void The_direction_lowers_the_constraint_as_much_as_asked_for()
    {
        foreach (var problem in Problem.Draw(3_000, seed: 3, most: 8))
        {
            var w = BarrierMinNorm.Solve(problem.G, problem.Products, problem.Squared, problem.Rho).Weights;
            var nu = BarrierMinNorm.Multiplier(w, problem.Products, problem.Squared, problem.Rho);
            var product = w.Select((v, i) => v * problem.Products[i]).Sum() + (nu * problem.Squared);
            var added = w.Select((v, i) => v * problem.G.Norm(i)).Sum() * Math.Sqrt(problem.Squared);
            product.Should().BeGreaterThanOrEqualTo((problem.Rho * problem.Squared / 2) - (1e-12 * added), "{0}: ⟨∇q, −d⟩ ≥ φ", problem);
        }
    }

    [Fact]
    public void Two_tasks_by_hand()
    {
        // F = (1, 0), (0, 1), q = (1, 1), ρ = 0.1: πᵢ = 0.1 − 1/2 < 0, so that q falls by itself.
        BarrierMinNorm.Solve(Gramians.Of([[1, 0], [0, 1]]), [1, 1], 2, 0.1).Weights.Should().Equal([0.5, 0.5], (a, b) => Math.Abs(a - b) < 1e-14);

        // F = (1, 0), (0, 2), q = (−1, 0), ρ = 0.1: π = (1.1, 0.1). p = (0, 0), (0, 2): ½·4λ₂² − 0.05 λ₁ is least at λ₂ = 0.
        BarrierMinNorm.Solve(Gramians.Of([[1, 0], [0, 2]]), [-1, 0], 1, 0.1).Weights.Should().Equal([1, 0], (a, b) => Math.Abs(a - b) < 1e-14);

        // No constraint is left.
        BarrierMinNorm.Solve(Gramians.Of([[1, 0], [0, 2]]), [0, 0], 0, 0.1).Weights.Should().Equal([0.8, 0.2], (a, b) => Math.Abs(a - b) < 1e-14);
        BarrierMinNorm.Multiplier([0.5, 0.5], [1, 1], 0, 0.1).Should().Be(0);
    }

    [Fact]
    public void Zero_gradients_take_no_part()
    {
        BarrierMinNorm.Solve(Gramians.Of([[0, 0], [3, 4]]), [0, -7], 2, 0.1).Weights.Should().Equal(0, 1);
        BarrierMinNorm.Solve(Gramians.Of([[0, 0], [0, 0]]), [0, 0], 2, 0.1).Weights.Should().Equal(0.5, 0.5);
    }

    private static void Expect(Problem problem, double[] w, bool free)
    {
        var slopes = problem.Slopes(w, free);
        var level = Gramians.Dot(w, slopes);
        var scale = problem.Scale(w);
        foreach (var corner in problem.Corners(free))
        {
            (Gramians.Dot(corner, slopes) - level).Should().BeGreaterThanOrEqualTo(
                -1e-8 * (scale + Math.Sqrt(scale * problem.Scale(corner))), "{0}, {1}", problem, free ? "free" : "barred");
        }
    }

    private sealed record Problem(string Name, Gramian G, double[] Products, double Squared, double Rho)
    {
        private double[] Pi => Array.ConvertAll(Products, a => Rho - (a / Squared));

        public override string ToString() => Name;

        /// <summary>The last row of a sample is q.</summary>
        public static IEnumerable<Problem> Draw(int count, int seed, int most = 40)
        {
            foreach (var (k, sample) in Gramians.Draw(count, seed, least: 3, most).Index())
            {
                var m = sample.Rows.Length - 1;
                var q = sample.Rows[m];
                if (sample.Gramian[m, m] == 0 || Enumerable.Range(0, m).Any(i => sample.Gramian[i, i] == 0))
                {
                    continue;
                }

                var rho = new[] { 0.1, 0.5, 3 }[k % 3];
                yield return new($"{sample}, ρ = {rho}", Gramians.Of(sample.Rows[..m]), [.. sample.Rows[..m].Select(row => Gramians.Dot(row, q))], sample.Gramian[m, m], rho);
            }
        }

        public double Level(double[] w) => Gramians.Dot(w, Pi);

        public double Objective(double[] w)
        {
            var nu = Math.Max(0, Level(w));
            var product = Gramians.Dot(w, Products);
            return ((Gramians.Dot(w, G.Times(w)) + (2 * nu * product) + (nu * nu * Squared)) / 2) - (nu * Rho * Squared / 2);
        }

        /// <summary>What the objective is added up of.</summary>
        public double Scale(double[] w)
        {
            var length = w.Select((v, i) => v * G.Norm(i)).Sum();
            var root = Math.Sqrt(Squared);
            var nu = w.Select((v, i) => v * (Rho + (G.Norm(i) / root))).Sum();
            return ((length + (nu * root)) * (length + (nu * root))) + (nu * Rho * Squared);
        }

        public double[] Slopes(double[] w, bool free)
        {
            if (free)
            {
                return G.Times(w);
            }

            // ½‖Fλ + (πλ) q‖² − (πλ) φ
            var (nu, product) = (Level(w), Gramians.Dot(w, Products));
            return [.. G.Times(w).Select((p, i) => p + (nu * Products[i]) + (Pi[i] * (product + (nu * Squared) - (Rho * Squared / 2))))];
        }

        /// <summary>The corners of the part of the simplex where Σ λᵢπᵢ is ≤ 0 (free) or ≥ 0.</summary>
        public IEnumerable<double[]> Corners(bool free)
        {
            var pi = Pi;
            for (var i = 0; i < pi.Length; i++)
            {
                if (free ? pi[i] <= 0 : pi[i] >= 0)
                {
                    yield return Corner(i, i, 1);
                }

                for (var j = 0; pi[i] < 0 && j < pi.Length; j++)
                {
                    if (pi[j] > 0)
                    {
                        yield return Corner(i, j, pi[j] / (pi[j] - pi[i]));
                    }
                }
            }
        }

        private double[] Corner(int i, int j, double share)
        {
            var corner = new double[Products.Length];
            corner[j] = 1 - share;
            corner[i] += share;
            return corner;
        }
    }
}
