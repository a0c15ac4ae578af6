using FluentAssertions;
using MultiTask.Balancing;
using MultiTask.Tests.Fixtures;

namespace MultiTask.Tests.Balancing;

public sealed class MGDATests
{
    [Fact]
    public void Golden_rows()
    {
        using var mgda = new MGDA();
        Same(mgda.Weigh(Gramians.Of(Jacobians.A)), [0.6, 0.4], 1e-14);
        Same(mgda.Weigh(Gramians.Of(Jacobians.B)), [0.470966, 0.161841, 0.367194], 1e-6);
        Same(mgda.Aggregate(Jacobians.Of(Jacobians.A)).Values(), [0, 1, 1], 1e-13);
        Same(mgda.Aggregate(Jacobians.Of(Jacobians.B)).Values(), [0.169041, 0.369385, 0.529034, 0.344342], 1e-6);
    }

    [Fact]
    public void Never_conflicts()
    {
        using var mgda = new MGDA();
        Laws.NonConflicting(mgda.Weigh, Gramians.Draw(10_000, seed: 20));
    }

    [Fact]
    public void The_order_of_tasks_and_the_scale_of_all_gradients_do_not_matter()
    {
        using var mgda = new MGDA();
        Laws.PermutationEquivariant(mgda.Weigh, Gramians.Draw(1_000, seed: 22), 1e-7);
        Laws.Homogeneous(mgda.Weigh, Gramians.Draw(1_000, seed: 23));
    }

    [Fact]
    public void The_step_is_no_longer_than_the_smallest_gradient()
    {
        using var mgda = new MGDA();
        foreach (var sample in Gramians.Draw(2_000, seed: 21))
        {
            var g = sample.Gramian;
            var smallest = Enumerable.Range(0, g.Count).Select(g.Norm).Where(n => n > 0).DefaultIfEmpty(0).Min();
            var w = mgda.Weigh(g);
            Math.Sqrt(Math.Max(0, Gramians.Dot(w, g.Times(w)))).Should().BeLessThanOrEqualTo(smallest * (1 + 1e-12), "{0}", sample);
        }
    }

    [Fact]
    public void Tasks_that_agree_leave_all_to_the_smallest()
    {
        using var mgda = new MGDA();
        Same(mgda.Weigh(Gramians.Of([[2, 0], [1, 0], [3, 0]])), [0, 1, 0], 1e-14);
    }

    [Fact]
    public void A_task_without_a_gradient_does_not_stop_the_others()
    {
        using var mgda = new MGDA();
        Same(mgda.Weigh(Gramians.Of([[0, 0], [1, 0], [0, 1]])), [0, 0.5, 0.5], 1e-14);
    }

    [Fact]
    public void Golden_rows_normalised_by_length()
    {
        using var mgda = new MGDA(MGDANormalization.L2);
        Same(mgda.Weigh(Gramians.Of(Jacobians.A)), [0.117851, 0.081111], 1e-6);
        Same(mgda.Weigh(Gramians.Of(Jacobians.B)), [0.163634, 0.060374, 0.130428], 1e-6);
        Same(mgda.Aggregate(Jacobians.Of(Jacobians.A)).Values(), [0.01526, 0.198962, 0.198962], 1e-6);
        Same(mgda.Aggregate(Jacobians.Of(Jacobians.B)).Values(), [0.047727, 0.126786, 0.190801, 0.127408], 1e-6);
    }

    [Fact]
    public void Normalised_by_length_the_scale_of_no_task_matters()
    {
        using var mgda = new MGDA(MGDANormalization.L2);
        Laws.ScaleInvariantPerTask(mgda.Weigh, Gramians.Draw(1_000, seed: 24), 1e-7);
        Laws.Homogeneous(mgda.Weigh, Gramians.Draw(500, seed: 25), degree: 0);
        Laws.NonConflicting(mgda.Weigh, Gramians.Draw(10_000, seed: 26));
    }

    [Theory]
    [InlineData(MGDANormalization.Loss)]
    [InlineData(MGDANormalization.LossPlus)]
    public void Normalised_by_losses_it_is_MGDA_of_the_divided_gradients(MGDANormalization normalization)
    {
        using var mgda = new MGDA();
        using var normalised = new MGDA(normalization);
        foreach (var sample in Gramians.Draw(1_000, seed: 27))
        {
            var random = new Random(sample.Rows.Length);
            var g = sample.Gramian;
            double[] losses = [.. sample.Rows.Select(_ => Math.Pow(10, (4 * random.NextDouble()) - 2))];
            double[] c = [.. losses.Select((loss, i) => loss * (normalization == MGDANormalization.Loss || g[i, i] == 0 ? 1 : g.Norm(i)))];
            var divided = mgda.Weigh(Gramians.Of([.. sample.Rows.Zip(c, (row, by) => Array.ConvertAll(row, v => v / by))]));
            var found = normalised.Weigh(Of(sample, losses));
            Laws.SameDirection(sample, found, [.. divided.Zip(c, (w, by) => w / by)], 1e-7);
            Laws.NonConflicting(_ => found, [sample]);
        }
    }

    [Fact]
    public void Two_orthogonal_tasks_by_hand()
    {
        // g₁ / 2 and g₂ / 1 are both of length 3/2: each gets ½.
        using var mgda = new MGDA(MGDANormalization.Loss);
        var g = new Gramian(new double[,] { { 9, 0 }, { 0, 2.25 } }, [("a", 2), ("b", 1)]);
        Same(mgda.Weigh(g), [0.25, 0.5], 1e-15);
    }

    [Theory]
    [InlineData(MGDANormalization.Loss)]
    [InlineData(MGDANormalization.LossPlus)]
    public void Refuses_losses_it_cannot_divide_by(MGDANormalization normalization)
    {
        using var mgda = new MGDA(normalization);
        double[,] entries = { { 9, 0 }, { 0, 2.25 } };
        Weigh(-0.5).Should().Throw<ArgumentException>().WithMessage("*'b'*positive*-0.5*");
        Weigh(double.NaN).Should().Throw<ArgumentException>().WithMessage("*'b'*not known*");
        Weigh(0).Should().Throw<NonFiniteException>().WithMessage("*'b'*inverse of the loss*").Which.Task.Should().Be("b");
        Action Weigh(double loss) => () => mgda.Weigh(new(entries, [("a", 1), ("b", loss)]));
    }

    [Theory]
    [InlineData(MGDANormalization.L2)]
    [InlineData(MGDANormalization.LossPlus)]
    public void Normalised_gradients_of_length_zero_get_no_weight(MGDANormalization normalization)
    {
        using var mgda = new MGDA(normalization);
        Same(mgda.Weigh(new(new double[,] { { 0, 0 }, { 0, 4 } }, [("a", 1), ("b", 1)])), [0, 0.5], 1e-15);
        Same(mgda.Weigh(new(new double[,] { { 0, 0 }, { 0, 0 } }, [("a", 1), ("b", 1)])), [0.5, 0.5], 1e-15);
    }

    [Fact]
    public void Refuses_a_normalization_that_is_none() =>
        FluentActions.Invoking(() => new MGDA((MGDANormalization)7)).Should().Throw<ArgumentOutOfRangeException>().WithMessage("*None, L2, Loss, LossPlus*7*");

    private static Gramian Of(GramianSample sample, double[] losses)
    {
        var entries = new double[losses.Length, losses.Length];
        for (var i = 0; i < losses.Length; i++)
        {
            for (var j = 0; j < losses.Length; j++)
            {
                entries[i, j] = sample.Gramian[i, j];
            }
        }

        return new(entries, TaskMap.Create(losses.Select((loss, i) => ($"{i}", loss))));
    }

    private static void Same(double[] found, double[] expected, double tolerance) =>
        found.Should().Equal(expected, (a, b) => Math.Abs(a - b) <= tolerance);
}
