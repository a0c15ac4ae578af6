using FluentAssertions;
using MultiTask.Balancing;

namespace MultiTask.Tests.Balancing;

public sealed class DWATests
{
    [Fact]
    public void Is_uniform_in_the_first_two_epochs()
    {
        using var dwa = new DWA(["a", "b"]);
        Epoch(dwa, [(9, 1), (7, 2)]).Should().AllSatisfy(w => w.Should().Equal(1, 1));
        Epoch(dwa, [(1, 5)]).Should().AllSatisfy(w => w.Should().Equal(1, 1));
    }

    [Fact]
    public void Ratios_of_1_and_4_give_twice_the_softmax_of_a_half_and_two()
    {
        using var dwa = new DWA(["a", "b"]);
        Epoch(dwa, [(3, 1)]);
        Epoch(dwa, [(3, 4)]);
        var (e1, e2) = (Math.Exp(0.5), Math.Exp(2));
        Same(Epoch(dwa, [(1, 1)])[0], 2 * e1 / (e1 + e2), 2 * e2 / (e1 + e2));
    }

    [Fact]
    public void An_epoch_counts_by_its_mean_loss_however_many_steps_it_has()
    {
        using var dwa = new DWA(["a", "b"]);
        Epoch(dwa, [(2, 1), (4, 1), (3, 1)]);
        Epoch(dwa, [(3, 3), (3, 5)]);
        var (e1, e2) = (Math.Exp(0.5), Math.Exp(2));
        Same(Epoch(dwa, [(1, 1)])[0], 2 * e1 / (e1 + e2), 2 * e2 / (e1 + e2));
    }

    [Fact]
    public void Only_the_last_two_epochs_count()
    {
        using var dwa = new DWA(["a", "b"]);
        Epoch(dwa, [(100, 7)]);
        Epoch(dwa, [(3, 1)]);
        Epoch(dwa, [(3, 4)]);
        using var twin = new DWA(["a", "b"]);
        Epoch(twin, [(3, 1)]);
        Epoch(twin, [(3, 4)]);
        Epoch(dwa, [(1, 1)])[0].Should().Equal(Epoch(twin, [(1, 1)])[0]);
    }

    [Fact]
    public void The_losses_of_the_running_epoch_do_not_count()
    {
        using var dwa = new DWA(["a", "b"]);
        Epoch(dwa, [(3, 1)]);
        Epoch(dwa, [(3, 4)]);
        var weights = Epoch(dwa, [(1, 1), (50, 2), (1, 900)]);
        weights.Should().AllSatisfy(w => w.Should().Equal(weights[0]));
    }

    [Fact]
    public void A_higher_temperature_evens_the_weights()
    {
        var shares = new[] { 0.5, 2, 50 }.Select(temperature =>
        {
            using var dwa = new DWA(["a", "b"], temperature);
            Epoch(dwa, [(3, 1)]);
            Epoch(dwa, [(3, 4)]);
            return Epoch(dwa, [(1, 1)])[0][1];
        }).ToArray();
        shares.Should().BeInDescendingOrder();
        shares[2].Should().BeApproximately(1, 0.05);
    }

    [Fact]
    public void An_epoch_without_a_task_leaves_what_is_known_of_it()
    {
        using var dwa = new DWA(["a", "b"]);
        Epoch(dwa, [(3, 1)]);
        dwa.Weigh([("a", 3)]).Should().Equal(1);
        dwa.EndEpoch();
        var weights = Epoch(dwa, [(3, 4)])[0];
        Same(weights, 1, 1); // b has been seen in one epoch only; a's ratio is 1

        var (e1, e2) = (Math.Exp(0.5), Math.Exp(2));
        Same(Epoch(dwa, [(1, 1)])[0], 2 * e1 / (e1 + e2), 2 * e2 / (e1 + e2));
    }

    [Fact]
    public void A_batch_without_a_task_leaves_the_others_their_weights()
    {
        using var dwa = new DWA(["a", "b"]);
        Epoch(dwa, [(3, 1)]);
        Epoch(dwa, [(3, 4)]);
        var (e1, e2) = (Math.Exp(0.5), Math.Exp(2));
        Same(dwa.Weigh([("b", 1)]), 2 * e2 / (e1 + e2));
        Same(dwa.Weigh([("b", 1), ("a", 1)]), 2 * e2 / (e1 + e2), 2 * e1 / (e1 + e2));
    }

    [Fact]
    public void An_epoch_without_steps_is_none()
    {
        using var dwa = new DWA(["a", "b"]);
        Epoch(dwa, [(3, 1)]);
        dwa.EndEpoch();
        dwa.EndEpoch();
        Epoch(dwa, [(3, 4)]);
        dwa.EndEpoch();
        Epoch(dwa, [(1, 1)])[0][1].Should().BeGreaterThan(1.5);
    }

    [Fact]
    public void Reset_forgets_the_epochs()
    {
        using var dwa = new DWA(["a", "b"]);
        Epoch(dwa, [(3, 1)]);
        Epoch(dwa, [(3, 4)]);
        dwa.Reset();
        Epoch(dwa, [(1, 8)])[0].Should().Equal(1, 1);
        Epoch(dwa, [(1, 8)])[0].Should().Equal(1, 1);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(-1)]
    [InlineData(double.NaN)]
    [InlineData(double.PositiveInfinity)]
    public void Refuses_a_temperature_that_is_none(double temperature) =>
        FluentActions.Invoking(() => new DWA(["a"], temperature)).Should().Throw<ArgumentOutOfRangeException>().WithMessage($"*positive*{temperature}*");

    [Fact]
    public void Refuses_tasks_it_was_not_built_for()
    {
        using var dwa = new DWA(["a", "b"]);
        dwa.Invoking(d => d.Weigh([("a", 1), ("c", 1)])).Should().Throw<ArgumentException>().WithMessage("*'a', 'b'*'c'*");
        FluentActions.Invoking(() => new DWA(["a", "a"])).Should().Throw<ArgumentException>().WithMessage("*distinct*'a'*");
    }

    private static List<double[]> Epoch(DWA dwa, (double A, double B)[] steps)
    {
        var weights = steps.Select(step => dwa.Weigh([("a", step.A), ("b", step.B)])).ToList();
        dwa.EndEpoch();
        return weights;
    }

    private static void Same(double[] found, params double[] expected) =>
        found.Should().Equal(expected, (x, y) => Math.Abs(x - y) < 1e-14);
}
