using FluentAssertions;
using MultiTask.Balancing;

namespace MultiTask.Tests.Balancing;

public sealed class SimplexMemoryTests
{
    [Fact]
    public void Weights_begin_equal_and_are_kept()
    {
        using var memory = new SimplexMemory(["a", "b", "c"], "X");
        Same(memory.Of(["a", "b", "c"]), [1 / 3.0, 1 / 3.0, 1 / 3.0]);
        memory.Keep(["c", "a", "b"], [0.5, 0.2, 0.3]);
        Same(memory.Of(["a", "b", "c"]), [0.2, 0.3, 0.5]);
    }

    [Fact]
    public void Those_who_are_there_share_the_weight_that_they_have_together()
    {
        using var memory = new SimplexMemory(["a", "b", "c"], "X");
        memory.Keep(["a", "b", "c"], [0.2, 0.3, 0.5]);
        Same(memory.Of(["a", "b"]), [0.4, 0.6]);
        memory.Keep(["a", "b"], [0.8, 0.2]);
        Same(memory.Of(["a", "b", "c"]), [0.4, 0.1, 0.5]);
        memory.Keep(["b"], [1]);
        Same(memory.Of(["a", "b", "c"]), [0.4, 0.1, 0.5]);
    }

    [Fact]
    public void Where_the_absent_have_all_the_weight_the_others_are_equal()
    {
        using var memory = new SimplexMemory(["a", "b", "c"], "X");
        memory.Keep(["a", "b", "c"], [0, 0, 1]);
        Same(memory.Of(["a", "b"]), [0.5, 0.5]);
        Same(memory.Of(["a", "c"]), [0, 1]);
        memory.Clear();
        Same(memory.Of(["a", "c"]), [0.5, 0.5]);
    }

    [Fact]
    public void Unknown_tasks_are_refused()
    {
        using var memory = new SimplexMemory(["a"], "X");
        memory.Invoking(m => m.Of(["a", "b"])).Should().Throw<ArgumentException>().WithMessage("X was built*'b'*");
    }

    private static void Same(double[] found, double[] expected) => found.Should().Equal(expected, (a, b) => Math.Abs(a - b) < 1e-15);
}
