using FluentAssertions;
using MultiTask.Balancing;
using MultiTask.Tests.Fixtures;
using MultiTask.Tests.Training;
using TorchSharp;
using static TorchSharp.torch;

namespace MultiTask.Tests.Balancing;

public sealed class TaskVectorsTests : IDisposable
{
    private readonly DisposeScope scope = NewDisposeScope();

    public void Dispose() => scope.Dispose();

    [Fact]
    public void Remember_rows_by_task_and_give_zeros_for_a_task_not_seen()
    {
        using var vectors = new TaskVectors(["a", "b", "c"], "X");
        vectors["a"].Should().BeNull();
        vectors.Keep(["c", "a"], tensor(new double[,] { { 1, 2 }, { 3, 4 } }));
        vectors["b"].Should().BeNull();
        vectors.Rows(["a", "b", "c"], zeros(3, 2, ScalarType.Float64)).Values().Should().Equal(3, 4, 0, 0, 1, 2);
        vectors.Keep(["a"], tensor(new double[,] { { 5, 6 } }));
        vectors.Rows(["a", "c"], zeros(2, 2, ScalarType.Float64)).Values().Should().Equal(5, 6, 1, 2);
    }

    [Fact]
    public void Outlive_the_scope_they_were_filled_in_and_leave_nothing_behind_when_they_are_disposed()
    {
        LiveTensors.ShouldStayTheSame(() =>
        {
            using var vectors = new TaskVectors(["a"], "X");
            using (NewDisposeScope())
            {
                vectors.Keep(["a"], ones(1, 3, ScalarType.Float64));
                vectors.Keep(["a"], ones(1, 3, ScalarType.Float64) * 2);
            }

            using (NewDisposeScope())
            {
                vectors["a"]!.Values().Should().Equal(2, 2, 2);
            }

            vectors.Clear();
            vectors["a"].Should().BeNull();
        });
    }

    [Fact]
    public void Refuse_gradients_of_another_length()
    {
        using var vectors = new TaskVectors(["a"], "X");
        vectors.Keep(["a"], ones(1, 3));
        vectors.Invoking(v => v.Rows(["a"], ones(1, 4))).Should().Throw<InvalidOperationException>().WithMessage("*'a'*X*3*4*Reset()*");
        vectors.Invoking(v => v.Rows(["b"], ones(1, 3))).Should().Throw<ArgumentException>().WithMessage("*X*'b'*");
    }

    [Fact]
    public void Take_the_dtype_of_what_is_put_in()
    {
        using var vectors = new TaskVectors(["a"], "X");
        vectors.Keep(["a"], ones(1, 2, ScalarType.Float64));
        vectors["a"]!.dtype.Should().Be(ScalarType.Float64);
    }
}
