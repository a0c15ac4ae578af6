using FluentAssertions;
using MultiTask.Balancing;
using MultiTask.Tests.Fixtures;

namespace MultiTask.Tests.Balancing;

public sealed class DualProjTests
{
    [Fact]
    public void Golden_rows()
    {
        using var method = new DualProj();
        Same(method.Weigh(Gramians.Of(Jacobians.A)), [0.611111, 0.5], 1e-6);
        Same(method.Weigh(Gramians.Of(Jacobians.B)), [0.388889, 0.333333, 0.333333], 1e-6);
        Same(method.Aggregate(Jacobians.Of(Jacobians.A)).Values(), [0.555556, 1.111111, 1.111111], 1e-6);
        Same(method.Aggregate(Jacobians.Of(Jacobians.B)).Values(), [-0.444444, 0.444444, 0.666667, 0.444444], 1e-6);
    }

    [Fact]
    public void Never_conflicts()
    {
        using var method = new DualProj();
        Laws.NonConflicting(method.Weigh, Gramians.Draw(10_000, seed: 70));
    }

    [Fact]
    public void The_order_of_tasks_and_the_scale_of_all_gradients_do_not_matter()
    {
        using var method = new DualProj();
        Laws.PermutationEquivariant(method.Weigh, Gramians.Draw(1_000, seed: 72), 1e-7);
        Laws.Homogeneous(method.Weigh, Gramians.Draw(1_000, seed: 73));
    }

    [Fact]
    public void Is_the_mean_where_no_task_is_in_conflict_with_it()
    {
        using var method = new DualProj();
        Laws.SumWithoutConflict(g => [.. method.Weigh(g).Select(w => w * g.Count)], 1, 1e-14);

        // The first two conflict, but not with the mean.
        Same(method.Weigh(Gramians.Of([[1, 0], [-0.1, 1]])), [0.5, 0.5], 1e-15);
    }

    [Fact]
    public void Projects_the_mean_by_preference()
    {
        using var method = new DualProj([("0", 1), ("1", 3)]);

        // By hand: (1, 0) + 3 (−1, 1), over 4, is (−½, ¾), in conflict with the first; what is left is (0, ¾).
        Same(method.Weigh(Gramians.Of([[1, 0], [-1, 1]])), [0.75, 0.75], 1e-14);
    }

    [Fact]
    public void Gives_a_task_without_a_gradient_its_weight_in_the_mean()
    {
        using var method = new DualProj();
        Same(method.Weigh(Gramians.Of([[1, 2], [0, 0], [3, 1]])), [1.0 / 3, 1.0 / 3, 1.0 / 3], 1e-15);
    }

    [Fact]
    public void Refuses_what_is_no_preference_and_tasks_without_one()
    {
        FluentActions.Invoking(() => new DualProj([("a", double.NaN)])).Should().Throw<ArgumentException>().WithMessage("*'a'*positive*NaN*");
        using var method = new DualProj([("0", 1)]);
        method.Invoking(u => u.Weigh(Gramians.Of(Jacobians.A))).Should().Throw<ArgumentException>().WithMessage("*DualProj*'1'*");
    }

    private static void Same(double[] found, double[] expected, double tolerance) =>
        found.Should().Equal(expected, (a, b) => Math.Abs(a - b) <= tolerance);
}
