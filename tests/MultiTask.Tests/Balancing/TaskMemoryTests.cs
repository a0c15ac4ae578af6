using FluentAssertions;
using MultiTask.Balancing;
using TorchSharp;
using static TorchSharp.torch;

namespace MultiTask.Tests.Balancing;

public sealed class TaskMemoryTests
{
    [Theory]
    [InlineData("tasks")]
    [InlineData("initial")]
    [InlineData("Tasks")]
    [InlineData("Item")]
    [InlineData("training")]
    [InlineData("weight")]
    [InlineData("name")]
    [InlineData("handle")]
    public void Any_task_name_will_do_even_one_that_a_module_has_a_member_of(string task)
    {
        using var memory = new TaskMemory(["other", task], length: 2, initial: 7);
        memory[task] = [1.5, 1e-300];
        memory.to(ScalarType.Float32);
        memory.to(CPU);
        memory.to(CPU, ScalarType.Float32);
        memory[task].Should().Equal(1.5, 1e-300);
        memory["other"].Should().Equal(7, 7);
        memory.state_dict().Keys.Should().Equal("other", task);
        memory.Clear();
        memory[task].Should().Equal(7, 7);
    }

    [Theory]
    [InlineData("tasks")]
    [InlineData("initial")]
    [InlineData("Tasks")]
    [InlineData("name")]
    public void Moves_to_another_device_whatever_the_task_is_called(string task)
    {
        using var memory = new TaskMemory([task], length: 2, initial: 7);
        memory.to(META);
        memory.buffers().Single().device_type.Should().Be(DeviceType.META);
        memory.buffers().Single().dtype.Should().Be(ScalarType.Float64);
    }

    [Fact]
    public void State_comes_back_to_the_last_bit()
    {
        using var memory = new TaskMemory(["a"], length: 1, initial: 0);
        using var other = new TaskMemory(["a"], length: 1, initial: 0);
        memory["a"] = [Math.PI];
        other.load_state_dict(memory.state_dict());
        other["a"].Should().Equal(Math.PI);
    }

    [Fact]
    public void Buffers_outlive_the_scope_they_were_made_in()
    {
        TaskMemory memory;
        using (NewDisposeScope())
        {
            memory = new(["a"], length: 1, initial: 3);
        }

        memory["a"].Should().Equal(3);
        memory.Dispose();
    }
}
