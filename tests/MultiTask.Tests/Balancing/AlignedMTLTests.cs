using FluentAssertions;
using MultiTask.Balancing;
using MultiTask.Numerics;
using MultiTask.Tests.Fixtures;

namespace MultiTask.Tests.Balancing;

public sealed class AlignedMTLTests
{
    [Fact]
    public void Golden_rows()
    {
        using var aligned = new AlignedMTL();
        Same(aligned.Weigh(Gramians.Of(Jacobians.A)), [0.559072, 0.408261], 1e-6);
        Same(aligned.Weigh(Gramians.Of(Jacobians.B)), [0.383768, 0.188789, 0.317949], 1e-6);
        Same(aligned.Aggregate(Jacobians.Of(Jacobians.A)).Values(), [0.213279, 0.967333, 0.967333], 1e-6);
        Same(aligned.Aggregate(Jacobians.Of(Jacobians.B)).Values(), [-0.023623, 0.320427, 0.506738, 0.346525], 1e-6);
    }

    [Fact]
    public void Weights_are_numbers()
    {
        foreach (var scale in Enum.GetValues<AlignedMTLScale>())
        {
            using var aligned = new AlignedMTL(scale: scale);
            Laws.Finite(aligned.Weigh, Gramians.Draw(3_500, seed: 340 + (int)scale, most: 30));
        }
    }

    /// <remarks>The columns of B are the weights for preferences that are all with one task, were that allowed; by linearity, differences.</remarks>
    [Theory]
    [InlineData(AlignedMTLScale.Minimum)]
    [InlineData(AlignedMTLScale.Median)]
    [InlineData(AlignedMTLScale.RootMeanSquare)]
    public void The_aligned_gradients_are_orthogonal_and_of_the_chosen_length(AlignedMTLScale scale)
    {
        foreach (var sample in Gramians.Draw(800, seed: 341, most: 8).Where(s => Condition(s.Gramian) < 1e6))
        {
            var g = sample.Gramian;
            var b = Balance(g, scale);
            var values = SymmetricEigen.Of(Entries(g)).Values;
            var squared = scale switch
            {
                AlignedMTLScale.Minimum => values[0],
                AlignedMTLScale.Median => values[(values.Length - 1) / 2],
                _ => values.Average(),
            };
            for (var i = 0; i < g.Count; i++)
            {
                var product = g.Times(b[i]);
                for (var j = 0; j < g.Count; j++)
                {
                    Gramians.Dot(b[j], product).Should().BeApproximately(i == j ? squared : 0, 1e-8 * squared, "{0}", sample);
                }
            }
        }
    }

    [Fact]
    public void Orthogonal_gradients_of_one_length_are_as_they_were()
    {
        using var aligned = new AlignedMTL([("0", 1), ("1", 3)]);
        Same(aligned.Weigh(Gramians.Of([[0, 2], [2, 0]])), [0.25, 0.75], 1e-14);
    }

    [Fact]
    public void Orthogonal_gradients_are_brought_to_the_chosen_length()
    {
        // Lengths 1, 2, 7: squares 1, 4, 49.
        double[][] rows = [[2, 0, 0], [0, 7, 0], [0, 0, 1]];
        Same(Weigh(AlignedMTLScale.Minimum), [1.0 / 6, 1.0 / 21, 1.0 / 3], 1e-14);
        Same(Weigh(AlignedMTLScale.Median), [1.0 / 3, 2.0 / 21, 2.0 / 3], 1e-14);
        var root = Math.Sqrt(54.0 / 3);
        Same(Weigh(AlignedMTLScale.RootMeanSquare), [root / 6, root / 21, root / 3], 1e-14);
        double[] Weigh(AlignedMTLScale scale)
        {
            using var aligned = new AlignedMTL(scale: scale);
            return aligned.Weigh(Gramians.Of(rows));
        }
    }

    [Fact]
    public void The_median_of_an_even_number_is_the_lower_one()
    {
        using var aligned = new AlignedMTL(scale: AlignedMTLScale.Median);
        Same(aligned.Weigh(Gramians.Of([[2, 0], [0, 6]])), [0.5, 1.0 / 6], 1e-14);
    }

    [Fact]
    public void The_order_of_tasks_and_the_scale_of_all_gradients_do_not_matter()
    {
        using var aligned = new AlignedMTL();
        Laws.PermutationEquivariant(aligned.Weigh, Gramians.Draw(500, seed: 352, most: 20).Where(s => Condition(s.Gramian) < 1e6));
        Laws.Homogeneous(aligned.Weigh, Gramians.Draw(500, seed: 353, most: 20));
    }

    /// <remarks>As two tasks become the same, the step shrinks with their difference; below the tolerance they are one, and it is whole again.</remarks>
    [Fact]
    public void The_step_jumps_where_gradients_become_dependent()
    {
        Step(1e-2).Should().BeApproximately(1e-2, 1e-3);
        Step(1e-4).Should().BeApproximately(1e-4, 1e-5);
        Step(1e-7).Should().BeApproximately(1, 1e-6);
        Step(0).Should().BeApproximately(1, 1e-6);
        Step(1e-4, rankTolerance: 1e-6).Should().BeApproximately(1, 1e-6);

        static double Step(double apart, double rankTolerance = 1e-12)
        {
            using var aligned = new AlignedMTL(rankTolerance: rankTolerance);
            var d = Laws.Direction([[1, apart], [1, -apart]], aligned.Weigh(Gramians.Of([[1, apart], [1, -apart]])));
            return Math.Sqrt(Gramians.Dot(d, d));
        }
    }

    [Fact]
    public void Zero_gradients_are_left_out()
    {
        using var aligned = new AlignedMTL();
        Same(aligned.Weigh(Gramians.Of([[0, 0], [1, 0], [0, 1], [0, 0]])), [0, 0.25, 0.25, 0], 1e-14);
        aligned.Weigh(Gramians.Of([[0], [0]])).Should().Equal(0.5, 0.5);
        Same(aligned.Weigh(Gramians.Of([[7]])), [1], 1e-14);
    }

    [Fact]
    public void Refuses_what_it_cannot_use()
    {
        FluentActions.Invoking(() => new AlignedMTL([("a", -1)])).Should().Throw<ArgumentException>().WithMessage("*'a'*positive*-1*");
        FluentActions.Invoking(() => new AlignedMTL(scale: (AlignedMTLScale)3)).Should().Throw<ArgumentOutOfRangeException>().WithMessage("*Minimum*3*");
        foreach (var tolerance in new[] { -1e-9, 1, double.NaN })
        {
            FluentActions.Invoking(() => new AlignedMTL(rankTolerance: tolerance)).Should().Throw<ArgumentOutOfRangeException>().WithMessage($"*[0, 1)*{tolerance}*");
        }

        using var aligned = new AlignedMTL([("0", 1)]);
        aligned.Invoking(a => a.Weigh(Gramians.Of(Jacobians.A))).Should().Throw<ArgumentException>().WithMessage("*'1'*");
    }

    /// <summary>The columns of B, by B(1 + eᵢ) (m + 1) − B(1) m, for preferences are brought to the sum 1.</summary>
    private static double[][] Balance(Gramian g, AlignedMTLScale scale)
    {
        using var even = new AlignedMTL(scale: scale, rankTolerance: 0);
        var all = even.Weigh(g);
        return [.. g.Tasks.Select(task =>
        {
            using var more = new AlignedMTL(TaskMap.Create(g.Tasks.Select(t => (t, t == task ? 2.0 : 1))), scale, 0);
            return more.Weigh(g).Zip(all, (x, y) => (x * (g.Count + 1)) - (y * g.Count)).ToArray();
        })];
    }

    private static double Condition(Gramian g)
    {
        var values = SymmetricEigen.Of(Entries(g)).Values;
        return values[0] <= 0 ? double.PositiveInfinity : values[^1] / values[0];
    }

    private static double[,] Entries(Gramian g)
    {
        var entries = new double[g.Count, g.Count];
        for (var i = 0; i < g.Count; i++)
        {
            for (var j = 0; j < g.Count; j++)
            {
                entries[i, j] = g[i, j];
            }
        }

        return entries;
    }

    private static void Same(double[] found, double[] expected, double tolerance) =>
        found.Should().Equal(expected, (a, b) => Math.Abs(a - b) <= tolerance);
}
