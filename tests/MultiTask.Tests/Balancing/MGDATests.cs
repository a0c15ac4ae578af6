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

    private static void Same(double[] found, double[] expected, double tolerance) =>
        found.Should().Equal(expected, (a, b) => Math.Abs(a - b) <= tolerance);
}
