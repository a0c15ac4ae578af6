using FluentAssertions;
using MultiTask.Balancing;
using MultiTask.Tests.Fixtures;
using static TorchSharp.torch;

namespace MultiTask.Tests.Balancing;

public sealed class RelativeLossesTests
{
    [Fact]
    public void A_loss_is_divided_by_its_first_value()
    {
        using var relative = new RelativeLosses(["a", "b"]);
        Slopes(relative, ("a", 4), ("b", 0.5)).Should().Equal(0.25, 2);
        Slopes(relative, ("b", 7), ("a", 1)).Should().Equal(2, 0.25);
        relative.Transform(Scalars.Of(("a", 6)))["a"].item<double>().Should().Be(1.5);
    }

    [Fact]
    public void Or_by_a_moving_average_that_counts_it()
    {
        using var relative = new RelativeLosses(["a"], decay: 0.75);
        Slopes(relative, ("a", 4)).Should().Equal(0.25);
        Slopes(relative, ("a", 8)).Should().Equal(1.0 / 5); // ¾·4 + ¼·8
        Slopes(relative, ("a", 1)).Should().Equal(1.0 / 4); // ¾·5 + ¼·1
    }

    [Fact]
    public void Without_memory_the_gradient_is_that_of_the_log_loss()
    {
        using var relative = new RelativeLosses(["a"], decay: 0);
        Slopes(relative, ("a", 4)).Should().Equal(0.25);
        Slopes(relative, ("a", 50)).Should().Equal(0.02);
    }

    [Fact]
    public void The_scale_of_a_task_s_loss_does_not_matter()
    {
        foreach (var decay in new[] { 1, 0.5 })
        {
            using var relative = new RelativeLosses(["a", "b"], decay);
            using var scaled = new RelativeLosses(["a", "b"], decay);
            foreach (var (a, b) in new[] { (3.0, 2.0), (2.0, 5.0), (0.5, 1.0) })
            {
                var before = Slopes(relative, ("a", a), ("b", b));
                var after = Slopes(scaled, ("a", 1024 * a), ("b", b));
                after.Should().Equal(before[0] / 1024, before[1]);
            }
        }
    }

    [Fact]
    public void An_absent_task_keeps_its_reference()
    {
        using var relative = new RelativeLosses(["a", "b"], decay: 0.5);
        Slopes(relative, ("a", 4), ("b", 2));
        Slopes(relative, ("a", 8));
        Slopes(relative, ("b", 6), ("a", 2)).Should().Equal(1.0 / 4, 1.0 / 4);
    }

    [Fact]
    public void Looking_at_the_losses_after_a_step_does_not_move_the_average()
    {
        using var famo = new FAMO(["a", "b"], gamma: 0);
        using var relative = new RelativeLosses(["a", "b"], famo, decay: 0.5);
        Slopes(relative, ("a", 4), ("b", 2));
        relative.EndStep(() => Scalars.Of(("a", 2), ("b", 1)));
        var state = relative.state_dict();
        state["references.a"].item<double>().Should().Be(4);
        state["references.b"].item<double>().Should().Be(2);
        famo.Weigh([("a", 1), ("b", 1)]).Should().Equal(0.5, 0.5); // both fell by half
    }

    [Fact]
    public void The_state_comes_back_and_Reset_forgets()
    {
        using var relative = new RelativeLosses(["a"]);
        using var resumed = new RelativeLosses(["a"]);
        Slopes(relative, ("a", 4));
        resumed.load_state_dict(relative.state_dict());
        Slopes(resumed, ("a", 9)).Should().Equal(0.25);
        resumed.Reset();
        Slopes(resumed, ("a", 8)).Should().Equal(0.125);
    }

    [Fact]
    public void Refuses_what_makes_no_sense()
    {
        foreach (var bad in new[] { -0.1, 1.5, double.NaN })
        {
            FluentActions.Invoking(() => new RelativeLosses(["a"], bad)).Should().Throw<ArgumentOutOfRangeException>().WithMessage($"*`decay`*[0, 1]*{bad}*");
        }

        FluentActions.Invoking(() => new RelativeLosses(["a", "a"])).Should().Throw<ArgumentException>().WithMessage("*distinct*");
        using var relative = new RelativeLosses(["a"]);
        relative.Invoking(r => Slopes(r, ("z", 1))).Should().Throw<ArgumentException>().WithMessage("*'a'*'z'*");
        relative.Invoking(r => Slopes(r, ("a", -1))).Should().Throw<ArgumentException>().WithMessage("*'a'*RelativeLosses*positive*-1*");
        relative.Invoking(r => Slopes(r, ("a", 0))).Should().Throw<NonFiniteException>().WithMessage("*'a'*inverse of the loss*");
        Slopes(relative, ("a", 2)).Should().Equal([0.5], "what was refused is not remembered");
    }

    private static double[] Slopes(RelativeLosses relative, params (string, double)[] losses)
    {
        using var scope = NewDisposeScope();
        var map = Scalars.Of(losses);
        relative.Backward(map, []);
        return [.. map.Values.Select(l => l.grad!.item<double>())];
    }
}
