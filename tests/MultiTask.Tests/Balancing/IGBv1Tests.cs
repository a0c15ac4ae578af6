using FluentAssertions;
using MultiTask.Balancing;
using MultiTask.Tests.Fixtures;

namespace MultiTask.Tests.Balancing;

public sealed class IGBv1Tests
{
    [Fact]
    public void Until_the_base_epoch_has_ended_it_is_the_sum_of_log_losses()
    {
        using var igb = new IGBv1(["a", "b"]);
        Same(igb.Weigh([("a", 4), ("b", 0.5)]), 0.25, 2);
        igb.EndEpoch();
        Same(igb.Weigh([("a", 2), ("b", 0.1)]), 0.5, 10);
    }

    [Fact]
    public void Then_weights_are_m_times_the_softmax_of_the_losses_relative_to_the_base()
    {
        using var igb = new IGBv1(["a", "b"]);
        igb.Weigh([("a", 100), ("b", 100)]);
        igb.EndEpoch();
        igb.Weigh([("a", 3), ("b", 1)]);
        igb.Weigh([("a", 5), ("b", 3)]);
        igb.EndEpoch();
        var (a, b) = (Math.Exp(1 / 4.0), Math.Exp(3 / 2.0));
        var losses = Scalars.Of(("a", 1), ("b", 3));
        Same(igb.Slopes(losses), 2 * a / (a + b) / 1, 2 * b / (a + b) / 3);
        igb.EndEpoch();
        Same(igb.Slopes(losses), 2 * a / (a + b) / 1, 2 * b / (a + b) / 3); // the base stays
    }

    [Fact]
    public void The_base_epoch_may_be_the_first()
    {
        using var igb = new IGBv1(["a", "b"], baseEpoch: 0);
        igb.Weigh([("a", 2), ("b", 1)]);
        igb.EndEpoch();
        var (a, b) = (Math.Exp(0.5), Math.Exp(1));
        Same(igb.Weigh([("b", 1), ("a", 1)]), 2 * b / (a + b), 2 * a / (a + b));
    }

    [Fact]
    public void A_batch_without_a_task_has_the_weights_of_the_others_and_a_task_without_a_base_weighs_1()
    {
        using var igb = new IGBv1(["a", "b", "c"], baseEpoch: 0);
        igb.Weigh([("a", 2), ("b", 1)]);
        igb.EndEpoch();
        igb.Weigh([("a", 5)]).Should().Equal(1.0 / 5);
        var (a, b) = (Math.Exp(0.5), Math.Exp(1));
        Same(igb.Weigh([("a", 1), ("c", 4), ("b", 1)]), 2 * a / (a + b), 0.25, 2 * b / (a + b));
    }

    [Fact]
    public void Losses_may_have_grown_a_lot()
    {
        using var igb = new IGBv1(["a", "b"], baseEpoch: 0);
        igb.Weigh([("a", 1e-200), ("b", 1)]);
        igb.EndEpoch();
        Same(igb.Weigh([("a", 2), ("b", 1)]), 1, 0);
    }

    [Fact]
    public void The_state_comes_back_and_Reset_forgets()
    {
        using var igb = new IGBv1(["a", "b"], baseEpoch: 0);
        using var resumed = new IGBv1(["a", "b"], baseEpoch: 0);
        igb.Weigh([("a", 2), ("b", 1)]);
        resumed.load_state_dict(igb.state_dict());
        igb.EndEpoch();
        resumed.EndEpoch();
        var weights = igb.Weigh([("a", 1), ("b", 1)]);
        resumed.Weigh([("a", 1), ("b", 1)]).Should().Equal(weights);
        weights[0].Should().NotBe(1);
        igb.Reset();
        Same(igb.Weigh([("a", 1), ("b", 1)]), 1, 1);
    }

    [Fact]
    public void Refuses_what_makes_no_sense()
    {
        FluentActions.Invoking(() => new IGBv1(["a"], baseEpoch: -1)).Should().Throw<ArgumentOutOfRangeException>().WithMessage("*`baseEpoch`*non-negative*-1*");
        FluentActions.Invoking(() => new IGBv1(["a", "a"])).Should().Throw<ArgumentException>().WithMessage("*distinct*");
        using var igb = new IGBv1(["a", "b"]);
        igb.Invoking(i => i.Weigh([("z", 1)])).Should().Throw<ArgumentException>().WithMessage("*'a'*'z'*");
        igb.Invoking(i => i.Weigh([("a", 1), ("b", -1)])).Should().Throw<ArgumentException>().WithMessage("*'b'*IGBv1*positive*-1*");
        igb.Invoking(i => i.Weigh([("a", 1), ("b", 0)])).Should().Throw<NonFiniteException>().WithMessage("*'b'*logarithm*");
    }

    private static void Same(double[] found, params double[] expected) =>
        found.Should().Equal(expected, (x, y) => Math.Abs(x - y) < 1e-14 * (1 + y));
}
