using FluentAssertions;
using MultiTask.Diagnostics;
using MultiTask.Tests.Fixtures;
using MultiTask.Tests.Training;
using TorchSharp;
using static TorchSharp.torch;

namespace MultiTask.Tests.Diagnostics;

public sealed class GradientConflictsTests
{
    [Fact]
    public void Two_tasks_are_as_found_by_hand()
    {
        var conflicts = Of(("a", [-4, 1, 1]), ("b", [6, 1, 1])); // fixture A
        conflicts.Tasks.Should().Equal("a", "b");
        conflicts.Norms.Values.Should().Equal(Math.Sqrt(18), Math.Sqrt(38));
        conflicts.Dominance["a"].Should().BeApproximately(Math.Sqrt(18) / (Math.Sqrt(18) + Math.Sqrt(38)), 1e-12);
        conflicts.ConflictRate.Should().Be(1);
        conflicts.Pairs.Should().Equal(conflicts["a", "b"]);
        conflicts.MostConflicting.Should().Be(conflicts["a", "b"]);
        conflicts["a", "b"].Cosine.Should().BeApproximately(-22 / Math.Sqrt(684), 1e-12);
        conflicts["b", "a"].Should().Be(conflicts["a", "b"] with { First = "b", Second = "a" });
        conflicts.MeanMagnitudeSimilarity.Should().BeApproximately(Math.Sqrt(684) / 28, 1e-12);
        conflicts.MaxCurvature.Should().BeApproximately(200.0 / 684 * 100 / 12, 1e-12);
        conflicts.ConditionNumber.Should().BeApproximately(Math.Sqrt((28 + Math.Sqrt(584)) / (28 - Math.Sqrt(584))), 1e-10);
        conflicts.Stationarity.Should().BeApproximately(Math.Sqrt(2), 1e-12); // of (0, 1, 1)
        conflicts.RelativeStationarity.Should().BeApproximately(1.0 / 3, 1e-12);
    }

    [Fact]
    public void Three_tasks_are_as_found_by_hand()
    {
        var conflicts = Of(("a", [2, 0, 0]), ("b", [0, 3, 0]), ("c", [-3, 0, Math.Sqrt(27)]));
        conflicts.Norms.Values.Select(v => Math.Round(v, 12)).Should().Equal(2, 3, 6);
        conflicts.Dominance.Values.Select(v => Math.Round(v, 12)).Should().Equal(Math.Round(2.0 / 11, 12), Math.Round(3.0 / 11, 12), Math.Round(6.0 / 11, 12));
        conflicts.Pairs.Select(p => (p.First, p.Second, Math.Round(p.Cosine, 12))).Should().Equal(("a", "b", 0), ("a", "c", -0.5), ("b", "c", 0));
        conflicts.ConflictRate.Should().BeApproximately(1.0 / 3, 1e-12);
        conflicts.MostConflicting!.Second.Should().Be("c");
        conflicts.MeanMagnitudeSimilarity.Should().BeApproximately(((12.0 / 13) + 0.6 + 0.8) / 3, 1e-12);
        conflicts.MaxCurvature.Should().BeApproximately(0.75 * 52 / 28, 1e-12);

        // G = [4 0 -6; 0 9 0; -6 0 36]: 9, and 20 ± √(16² + 6²).
        conflicts.ConditionNumber.Should().BeApproximately(Math.Sqrt((20 + Math.Sqrt(292)) / (20 - Math.Sqrt(292))), 1e-10);
    }

    [Fact]
    public void Orthogonal_gradients_have_the_ratio_of_their_lengths_and_the_harmonic_mean_s_distance()
    {
        var conflicts = Of(("a", [2, 0, 0]), ("b", [0, 3, 0]), ("c", [0, 0, 6]));
        conflicts.ConditionNumber.Should().BeApproximately(3, 1e-12);
        conflicts.Stationarity.Should().BeApproximately(1 / Math.Sqrt((1.0 / 4) + (1.0 / 9) + (1.0 / 36)), 1e-12);
        conflicts.ConflictRate.Should().Be(0);
    }

    [Fact]
    public void The_distance_to_stationarity_is_that_of_the_exact_solver_in_fixture_B()
    {
        var conflicts = Of(("a", [1, 2, 0, -1]), ("b", [-3, 1, 1, 0.5]), ("c", [0.5, -2, 1, 2]));
        conflicts.Stationarity.Should().BeApproximately(0.750645, 1e-6);
        conflicts.ConflictRate.Should().Be(1);
    }

    [Fact]
    public void Opposite_gradients_are_stationary_and_dependent()
    {
        var conflicts = Of(("a", [1, 2]), ("b", [-3, -6]));
        conflicts.Stationarity.Should().BeLessThan(1e-7);
        conflicts.RelativeStationarity.Should().BeLessThan(1e-7);
        conflicts.ConditionNumber.Should().Be(double.PositiveInfinity);
        conflicts["a", "b"].Cosine.Should().BeApproximately(-1, 1e-12);
    }

    [Fact]
    public void The_same_gradients_are_dependent_and_far_from_stationary()
    {
        var conflicts = Of(("a", [3, 4]), ("b", [3, 4]));
        conflicts.ConditionNumber.Should().Be(double.PositiveInfinity);
        conflicts.Stationarity.Should().BeApproximately(5, 1e-12);
        conflicts.RelativeStationarity.Should().BeApproximately(1, 1e-12);
        conflicts.MaxCurvature.Should().BeApproximately(0, 1e-12);
    }

    [Fact]
    public void One_task_conflicts_with_none()
    {
        var conflicts = Of(("a", [3, 4]));
        conflicts.Pairs.Should().BeEmpty();
        conflicts.MostConflicting.Should().BeNull();
        (conflicts.ConflictRate, conflicts.MeanMagnitudeSimilarity, conflicts.MaxCurvature).Should().Be((0, 1, 0));
        (conflicts.ConditionNumber, conflicts.Stationarity, conflicts.RelativeStationarity).Should().Be((1, 5, 1));
        conflicts.Dominance["a"].Should().Be(1);
    }

    [Fact]
    public void A_zero_gradient_is_left_out_of_the_distance_and_is_no_conflict()
    {
        var conflicts = Of(("a", [3, 4]), ("b", [0, 0]), ("c", [4, 3]));
        conflicts.Stationarity.Should().BeApproximately(Math.Sqrt(24.5), 1e-12);
        conflicts.RelativeStationarity.Should().BeApproximately(Math.Sqrt(24.5) / 5, 1e-12);
        conflicts.ConditionNumber.Should().Be(double.PositiveInfinity);
        conflicts.ConflictRate.Should().Be(0);
        conflicts.Dominance.Values.Should().Equal(0.5, 0, 0.5);
    }

    [Fact]
    public void Nothing_but_zeros_is_defined_too()
    {
        var conflicts = Of(("a", [0, 0]), ("b", [0, 0]));
        conflicts.Dominance.Values.Should().Equal(0.5, 0.5);
        (conflicts.ConflictRate, conflicts.MeanMagnitudeSimilarity, conflicts.MaxCurvature).Should().Be((0, 1, 1));
        (conflicts.ConditionNumber, conflicts.Stationarity, conflicts.RelativeStationarity).Should().Be((double.PositiveInfinity, 0, 0));
    }

    [Fact]
    public void Only_the_condition_number_may_be_infinite_and_all_stay_in_their_ranges()
    {
        foreach (var sample in Gramians.Draw(1500, seed: 42, most: 24))
        {
            var c = new GradientConflicts(sample.Gramian);
            c.Dominance.Values.Sum().Should().BeApproximately(1, 1e-12, "{0}", sample);
            c.ConflictRate.Should().BeInRange(0, 1, "{0}", sample);
            c.MeanMagnitudeSimilarity.Should().BeInRange(0, 1, "{0}", sample);
            c.MaxCurvature.Should().BeInRange(0, 4 + 1e-12, "{0}", sample);
            c.ConditionNumber.Should().BeGreaterThanOrEqualTo(1, "{0}", sample);
            c.Stationarity.Should().BeGreaterThanOrEqualTo(0, "{0}", sample);
            c.Stationarity.Should().BeLessThanOrEqualTo(c.Norms.Values.Where(n => n > 0).DefaultIfEmpty(0).Min() * (1 + 1e-9), "{0}", sample);
            c.RelativeStationarity.Should().BeInRange(0, 1, "{0}", sample);
        }
    }

    [Fact]
    public void The_scale_of_all_gradients_matters_to_norms_and_distance_alone()
    {
        foreach (var sample in Gramians.Draw(300, seed: 43, most: 12))
        {
            const double C = 1024; // exact
            var c = new GradientConflicts(sample.Gramian);
            var scaled = new GradientConflicts(Gramians.Of([.. sample.Rows.Select(row => Array.ConvertAll(row, v => v * C))]));
            scaled.Pairs.Should().Equal(c.Pairs, "{0}", sample);
            scaled.ConditionNumber.Should().Be(c.ConditionNumber, "{0}", sample);
            scaled.RelativeStationarity.Should().Be(c.RelativeStationarity, "{0}", sample);
            scaled.Dominance.Values.Should().Equal(c.Dominance.Values, "{0}", sample);
            scaled.Stationarity.Should().Be(c.Stationarity * C, "{0}", sample);
            scaled.Norms.Values.Should().Equal(c.Norms.Values.Select(n => n * C), "{0}", sample);
        }
    }

    [Theory]
    [InlineData(1e-300)]
    [InlineData(1e300)]
    public void Scales_at_the_end_of_the_range_are_not_too_much(double scale)
    {
        var c = new GradientConflicts(new(new[,] { { 18 * scale, -22 * scale }, { -22 * scale, 38 * scale } }));
        c.ConditionNumber.Should().BeApproximately(Math.Sqrt((28 + Math.Sqrt(584)) / (28 - Math.Sqrt(584))), 1e-10);
        c.RelativeStationarity.Should().BeApproximately(1.0 / 3, 1e-12);
        (c.Stationarity / Math.Sqrt(scale)).Should().BeApproximately(Math.Sqrt(2), 1e-12);
    }

    [Fact]
    public void The_order_of_the_tasks_does_not_matter()
    {
        foreach (var sample in Gramians.Draw(300, seed: 44, most: 12))
        {
            var c = new GradientConflicts(sample.Gramian);
            var order = Enumerable.Range(0, sample.Rows.Length).ToArray();
            new Random(order.Length).Shuffle(order);
            var permuted = new GradientConflicts(Gramians.Of([.. order.Select(i => sample.Rows[i])]));
            permuted.ConflictRate.Should().Be(c.ConflictRate, "{0}", sample);
            permuted.MaxCurvature.Should().Be(c.MaxCurvature, "{0}", sample);
            permuted.MeanMagnitudeSimilarity.Should().BeApproximately(c.MeanMagnitudeSimilarity, 1e-12, "{0}", sample);
            permuted.MostConflicting!.Cosine.Should().Be(c.MostConflicting!.Cosine, "{0}", sample);
            var longest = c.Norms.Values.Max();
            permuted.Stationarity.Should().BeApproximately(c.Stationarity, 1e-7 * longest, "{0}", sample);
        }
    }

    [Fact]
    public void The_condition_number_is_that_of_the_singular_values()
    {
        using var scope = NewDisposeScope();
        var random = new Random(6);
        for (var k = 0; k < 100; k++)
        {
            var rows = Gramians.Normal(random, 2 + (k % 6), 9);
            rows[0] = Array.ConvertAll(rows[0], v => v * Math.Pow(10, -k % 5));
            var singular = linalg.svdvals(from_array(Rectangle(rows))).data<double>().ToArray();
            var c = new GradientConflicts(Gramians.Of(rows));
            (c.ConditionNumber / (singular[0] / singular[^1])).Should().BeApproximately(1, 1e-6, "#{0}", k);
        }
    }

    [Fact]
    public void It_leaves_no_tensor_behind()
    {
        var gramian = Gramians.At(3, seed: 1).Gramian;
        _ = new GradientConflicts(gramian).ConditionNumber;
        LiveTensors.ShouldStayTheSame(() => _ = new GradientConflicts(gramian).ConditionNumber);
    }

    [Fact]
    public void A_task_that_is_not_there_is_an_error_that_lists_those_that_are()
    {
        var conflicts = Of(("a", [1, 2]), ("b", [2, 1]));
        conflicts.Contains("c").Should().BeFalse();
        conflicts.Invoking(c => c["a", "c"]).Should().Throw<KeyNotFoundException>().WithMessage("*'c'*'a', 'b'*");
        FluentActions.Invoking(() => new GradientConflicts(null!)).Should().Throw<ArgumentNullException>();
    }

    private static GradientConflicts Of(params (string Task, double[] Gradient)[] rows)
    {
        var g = Gramians.Of([.. rows.Select(r => r.Gradient)]);
        var entries = new double[g.Count, g.Count];
        for (var i = 0; i < g.Count; i++)
        {
            for (var j = 0; j < g.Count; j++)
            {
                entries[i, j] = g[i, j];
            }
        }

        return new(new Gramian(entries, TaskMap.Create(rows.Select(r => (r.Task, 0.0)))));
    }

    private static double[,] Rectangle(double[][] rows)
    {
        var rectangle = new double[rows.Length, rows[0].Length];
        for (var i = 0; i < rows.Length; i++)
        {
            for (var j = 0; j < rows[0].Length; j++)
            {
                rectangle[i, j] = rows[i][j];
            }
        }

        return rectangle;
    }
}
