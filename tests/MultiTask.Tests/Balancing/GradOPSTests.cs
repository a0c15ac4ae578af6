using FluentAssertions;
using MultiTask.Balancing;
using MultiTask.Numerics;
using MultiTask.Tests.Fixtures;

namespace MultiTask.Tests.Balancing;

public sealed class GradOPSTests
{
    [Fact]
    public void Golden_row_of_two_tasks()
    {
        using var ops = new GradOPS();
        Same(ops.Weigh(Gramians.Of(Jacobians.A)), [2.222222, 1.578947], 1e-6);
        Same(ops.Aggregate(Jacobians.Of(Jacobians.A)).Values(), [0.584795, 3.80117, 3.80117], 1e-5);
    }

    [Fact]
    public void Two_tasks_are_those_of_PCGrad()
    {
        using var ops = new GradOPS();
        using var pcgrad = new PCGrad();
        foreach (var sample in Gramians.Draw(2_000, seed: 350, most: 2).Independent(1e-10))
        {
            Laws.SameDirection(sample, ops.Weigh(sample.Gramian), pcgrad.Weigh(sample.Gramian), 1e-9);
        }
    }

    [Fact]
    public void No_projected_gradient_conflicts_with_any_gradient()
    {
        foreach (var sample in Gramians.Draw(10_000, seed: 351))
        {
            var units = new UnitGradients(sample.Gramian);
            var projected = GradOPS.Project(units).Select(p => p.Coordinates).ToArray();
            for (var i = 0; i < projected.Length; i++)
            {
                var length = projected[i].Sum(Math.Abs);
                for (var j = 0; j < projected.Length; j++)
                {
                    var product = Enumerable.Range(0, projected.Length).Sum(k => units.Cosines[j, k] * projected[i][k]);
                    product.Should().BeGreaterThanOrEqualTo(-1e-9 * length, "{0}: {1} against {2}", sample, i, j);
                }
            }
        }
    }

    [Theory]
    [InlineData(0)]
    [InlineData(-2)]
    [InlineData(3)]
    public void Never_conflicts_whatever_the_trade_off(double alpha)
    {
        using var ops = new GradOPS(alpha);
        Laws.NonConflicting(ops.Weigh, Gramians.Draw(2_000, seed: 352));
        Laws.Finite(ops.Weigh, Gramians.Draw(3_500, seed: 353));
    }

    [Fact]
    public void Projects_as_Gram_and_Schmidt_do()
    {
        var conflicts = 0;
        foreach (var sample in Gramians.Draw(2_000, seed: 354, most: 8).Independent(1e-4).Where(s => s.Name.Contains("generic, generic")))
        {
            var units = new UnitGradients(sample.Gramian);
            var projected = GradOPS.Project(units).Select(p => p.Coordinates).ToArray();
            for (var i = 0; i < projected.Length; i++)
            {
                var others = sample.Rows.Where((_, j) => j != i).ToArray();
                var inConflict = others.Any(g => Gramians.Dot(g, sample.Rows[i]) < 0);
                var expected = inConflict ? OrthogonalPart(sample.Rows[i], others) : sample.Rows[i];
                var found = Laws.Direction(sample.Rows, units.ToWeights(projected[i], units.Norms[i]));
                found.Should().Equal(expected, (a, b) => Math.Abs(a - b) <= 1e-9 * units.Norms[i] * projected[i].Sum(Math.Abs), "{0}", sample);
                conflicts += inConflict ? 1 : 0;
            }
        }

        conflicts.Should().BeGreaterThan(100);
    }

    [Fact]
    public void Only_tasks_in_conflict_are_changed()
    {
        // g₁ and g₂ conflict; g₃ conflicts with neither and stays, though it is not orthogonal to them.
        using var ops = new GradOPS();
        double[][] rows = [[1, 0, 0], [-1, 1, 0], [0, 1, 1]];
        var units = new UnitGradients(Gramians.Of(rows));
        GradOPS.Project(units)[2].Coordinates.Should().Equal(0, 0, 1);

        // g₁′: orthogonal to (−1, 1, 0) and (0, 1, 1), (1, 1, −1)/3; g₂′: to (1, 0, 0) and (0, 1, 1), (0, ½, −½).
        var d = Laws.Direction(rows, ops.Weigh(Gramians.Of(rows)));
        Same(d, [1.0 / 3, (1.0 / 3) + 0.5 + 1, (-1.0 / 3) - 0.5 + 1], 1e-14);
    }

    [Fact]
    public void Tasks_that_agree_are_summed()
    {
        using var ops = new GradOPS();
        Laws.SumWithoutConflict(ops.Weigh, 1);
    }

    [Fact]
    public void Alpha_weighs_by_what_each_task_has_of_the_sum()
    {
        // Orthogonal tasks: each has R = 1, and α does nothing.
        using var second = new GradOPS(alpha: 2);
        Same(second.Weigh(Gramians.Of([[1, 0], [0, 5]])), [1, 1], 1e-14);

        // u₁ · u₂ = ½, lengths 1 and 2: R₁ = 1 + ½ · 2 = 2, R₂ = 1 + ½ / 2 = 1.25; no conflict.
        double[][] rows = [[1, 0], [1, Math.Sqrt(3)]];
        foreach (var alpha in new[] { -3.0, -1, 0.5, 2 })
        {
            using var ops = new GradOPS(alpha);
            var (a, b) = (Math.Pow(2, alpha), Math.Pow(1.25, alpha));
            Same(ops.Weigh(Gramians.Of(rows)), [2 * a / (a + b), 2 * b / (a + b)], 1e-13);
        }

        // In conflict, cos = −½: what is left of each is sin² = ¾ along itself and nothing along the other, so α does nothing.
        using var third = new GradOPS(alpha: -2);
        Same(third.Weigh(Gramians.Of([[1, 0], [-1, Math.Sqrt(3)]])), [2, 1.25], 1e-13);
    }

    [Fact]
    public void The_order_of_tasks_and_the_scale_of_all_gradients_do_not_matter()
    {
        using var ops = new GradOPS(alpha: -1);
        Laws.PermutationEquivariant(ops.Weigh, Gramians.Draw(2_000, seed: 355).Independent());
        Laws.Homogeneous(ops.Weigh, Gramians.Draw(2_000, seed: 356));
    }

    [Fact]
    public void Nothing_is_left_of_a_conflict_within_a_span()
    {
        using var ops = new GradOPS(alpha: -1);
        ops.Weigh(Gramians.Of([[3, 4], [-3, -4]])).Should().OnlyContain(w => Math.Abs(w) < 1e-12);

        // Three in a plane: the first two conflict and are in the span of the others; the third is not in conflict.
        Same(ops.Weigh(Gramians.Of([[1, 0], [-1, 1], [0, 1]])), [0, 0, 1], 1e-12);
    }

    [Fact]
    public void Zero_gradients_are_left_out()
    {
        using var ops = new GradOPS();
        Same(ops.Weigh(Gramians.Of([[1, 2], [0, 0], [3, 1]])), [1, 0, 1], 0);
        ops.Weigh(Gramians.Of([[0, 0], [0, 0]])).Should().Equal(0, 0);
    }

    [Theory]
    [InlineData(double.NaN)]
    [InlineData(double.PositiveInfinity)]
    public void Refuses_an_alpha_that_is_no_number(double alpha) =>
        FluentActions.Invoking(() => new GradOPS(alpha)).Should().Throw<ArgumentOutOfRangeException>().WithMessage($"*finite*{alpha}*");

    private static double[] OrthogonalPart(double[] g, double[][] others)
    {
        var basis = new List<double[]>();
        foreach (var other in others)
        {
            var u = Without(Without(other, basis), basis);
            var norm = Math.Sqrt(Gramians.Dot(u, u));
            basis.Add(Array.ConvertAll(u, v => v / norm));
        }

        return Without(Without(g, basis), basis);
    }

    private static double[] Without(double[] g, List<double[]> basis) =>
        basis.Aggregate(g, (rest, u) => [.. rest.Zip(u, (a, b) => a - (Gramians.Dot(rest, u) * b))]);

    private static void Same(double[] found, double[] expected, double tolerance) =>
        found.Should().Equal(expected, (a, b) => Math.Abs(a - b) <= tolerance);
}
