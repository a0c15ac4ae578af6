using FluentAssertions;
using MultiTask.Balancing;

namespace MultiTask.Tests.Balancing;

public sealed class BaseLossesTests
{
    [Fact]
    public void Are_the_means_of_the_epoch()
    {
        using var losses = new BaseLosses(["a", "b"], epoch: 1);
        losses.Add([("a", 100), ("b", 7)]);
        losses.EndEpoch();
        losses.Add([("a", 2)]);
        losses.Add([("a", 4), ("b", 5)]);
        losses["a"].Should().BeNull();
        losses.EndEpoch();
        losses.Add([("a", 900), ("b", 900)]);
        losses.EndEpoch();
        losses["a"].Should().Be(3);
        losses["b"].Should().Be(5);
    }

    [Fact]
    public void A_task_that_was_not_there_has_its_first_epoch()
    {
        using var losses = new BaseLosses(["a", "b"], epoch: 0);
        losses.Add([("a", 2)]);
        losses.EndEpoch();
        losses.EndEpoch();
        losses["b"].Should().BeNull();
        losses.Add([("b", 4)]);
        losses.Add([("b", 8)]);
        losses.EndEpoch();
        losses["a"].Should().Be(2);
        losses["b"].Should().Be(6);
    }

    [Fact]
    public void Or_the_means_of_a_task_s_first_steps()
    {
        using var losses = new BaseLosses(["a", "b"], epoch: 3, steps: 2);
        losses.Add([("a", 2), ("b", 10)]);
        losses.EndEpoch();
        losses["a"].Should().BeNull();
        losses.Add([("a", 4)]);
        losses.Add([("a", 600)]);
        losses["a"].Should().Be(3);
        losses["b"].Should().BeNull();
        losses.Add([("b", 20)]);
        losses["b"].Should().Be(15);
    }

    [Fact]
    public void Clear_forgets_and_the_state_comes_back()
    {
        using var losses = new BaseLosses(["a"], epoch: 0);
        using var other = new BaseLosses(["a"], epoch: 0);
        losses.Add([("a", Math.PI)]);
        other.load_state_dict(losses.state_dict());
        other.EndEpoch();
        other["a"].Should().Be(Math.PI);
        other.Clear();
        other["a"].Should().BeNull();
    }
}
