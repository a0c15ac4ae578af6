using FluentAssertions;
using MultiTask.Balancing;
using TorchSharp;
using static TorchSharp.torch;

namespace MultiTask.Tests.Balancing;

public sealed class PairMemoryTests
{
    [Theory]
    [InlineData("rows")]
    [InlineData("Tasks")]
    [InlineData("Item")]
    [InlineData("training")]
    [InlineData("name")]
    [InlineData("handle")]
    public void Any_task_name_will_do_even_one_that_a_module_has_a_member_of(string task)
    {
        using var memory = new PairMemory(["other", task], initial: 7);
        memory[task, "other"] = 1e-300;
        memory.to(ScalarType.Float32);
        memory.to(CPU, ScalarType.Float32);
        memory[task, "other"].Should().Be(1e-300);
        memory["other", task].Should().Be(7, "a pair is ordered");
        memory.state_dict().Keys.Should().Equal($"other.{task}", $"{task}.other");
        memory.Clear();
        memory[task, "other"].Should().Be(7);
    }

    [Fact]
    public void State_comes_back_in_another_order_and_with_a_task_more()
    {
        using var memory = new PairMemory(["a", "b"], initial: 0);
        using var other = new PairMemory(["c", "b", "a"], initial: 0);
        memory["a", "b"] = Math.PI;
        memory["b", "a"] = 2;
        other["c", "a"] = 3;
        other.load_state_dict(memory.state_dict(), strict: false);
        other["a", "b"].Should().Be(Math.PI);
        other["b", "a"].Should().Be(2);
        other["c", "a"].Should().Be(3);
    }

    [Fact]
    public void Refuses_names_that_are_not_distinct() =>
        FluentActions.Invoking(() => new PairMemory(["a", "a"], 0)).Should().Throw<ArgumentException>().WithMessage("*distinct*'a'*");
}
