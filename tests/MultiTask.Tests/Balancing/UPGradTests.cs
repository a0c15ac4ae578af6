using FluentAssertions;
using MultiTask.Balancing;
using MultiTask.Tests.Fixtures;

namespace MultiTask.Tests.Balancing;

public sealed class UPGradTests
{
    [Fact]
    public void Golden_rows()
    {
        using var upgrad = new UPGrad();
        Same(upgrad.Weigh(Gramians.Of(Jacobians.A)), [1.111111, 0.789474], 1e-6);
        Same(upgrad.Weigh(Gramians.Of(Jacobians.B)), [0.952999, 0.493893, 0.771001], 1e-6);
        Same(upgrad.Aggregate(Jacobians.Of(Jacobians.A)).Values(), [0.292398, 1.900585, 1.900585], 1e-6);
        Same(upgrad.Aggregate(Jacobians.Of(Jacobians.B)).Values(), [-0.14318, 0.857889, 1.264894, 0.835949], 1e-6);
    }

    [Fact]
    public void Never_conflicts()
    {
        using var upgrad = new UPGrad();
        Laws.NonConflicting(upgrad.Weigh, Gramians.Draw(10_000, seed: 60));
    }

    [Fact]
    public void Counts_each_task_in_proportion_to_its_gradient()
    {
        using var upgrad = new UPGrad();
        Laws.LinearUnderScaling(upgrad.Weigh, Gramians.Draw(1_000, seed: 61), 1e-7);
    }

    [Fact]
    public void The_order_of_tasks_and_the_scale_of_all_gradients_do_not_matter()
    {
        using var upgrad = new UPGrad();
        Laws.PermutationEquivariant(upgrad.Weigh, Gramians.Draw(1_000, seed: 62), 1e-7);
        Laws.Homogeneous(upgrad.Weigh, Gramians.Draw(1_000, seed: 63));
    }

    [Fact]
    public void Is_the_mean_where_no_tasks_conflict()
    {
        using var upgrad = new UPGrad();
        Laws.SumWithoutConflict(g => [.. upgrad.Weigh(g).Select(w => w * g.Count)], 1, 1e-14);
    }

    [Fact]
    public void Two_tasks_are_half_of_PCGrad()
    {
        using var upgrad = new UPGrad();
        using var pcgrad = new PCGrad();
        foreach (var sample in Gramians.Draw(3_000, seed: 64, most: 2))
        {
            double[] half = [.. pcgrad.Weigh(sample.Gramian).Select(w => w / 2)];
            Laws.SameDirection(sample, upgrad.Weigh(sample.Gramian), half, 1e-13);
        }
    }

    [Fact]
    public void Sums_the_projections_by_preference()
    {
        using var equal = new UPGrad();
        using var preferring = new UPGrad([("0", 1), ("1", 3)]);
        var g = Gramians.Of(Jacobians.A);

        // By hand: π(g₁) = g₁ + 22/38 g₂, π(g₂) = g₂ + 22/18 g₁.
        Same(preferring.Weigh(g), [0.25 + (0.75 * 22 / 18), 0.75 + (0.25 * 22 / 38)], 1e-14);
        Same(equal.Weigh(g), [0.5 + (0.5 * 22 / 18), 0.5 + (0.5 * 22 / 38)], 1e-14);
    }

    [Fact]
    public void Keeps_the_weight_of_a_task_without_a_gradient()
    {
        using var upgrad = new UPGrad();
        Same(upgrad.Weigh(Gramians.Of([[1, 2], [0, 0], [3, 1]])), [1.0 / 3, 1.0 / 3, 1.0 / 3], 1e-15);
        Same(upgrad.Weigh(Gramians.Of([[0], [0]])), [0.5, 0.5], 1e-15);
    }

    [Fact]
    public void Refuses_what_is_no_preference_and_tasks_without_one()
    {
        FluentActions.Invoking(() => new UPGrad([("a", 1), ("b", -1)])).Should().Throw<ArgumentException>().WithMessage("*'b'*positive*-1*");
        using var upgrad = new UPGrad([("0", 1)]);
        upgrad.Invoking(u => u.Weigh(Gramians.Of(Jacobians.A))).Should().Throw<ArgumentException>().WithMessage("*UPGrad*'1'*");
    }

    private static void Same(double[] found, double[] expected, double tolerance) =>
        found.Should().Equal(expected, (a, b) => Math.Abs(a - b) <= tolerance);
}
