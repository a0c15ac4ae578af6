using FluentAssertions;
using MultiTask.Balancing;
using MultiTask.Tests.Fixtures;
using static TorchSharp.torch;

namespace MultiTask.Tests.Balancing;

public sealed class GradientAveragesTests : IDisposable
{
    private readonly TorchSharp.DisposeScope scope = NewDisposeScope();

    public void Dispose() => scope.Dispose();

    [Fact]
    public void Take_in_a_part_of_each_gradient_by_the_tasks_own_count_of_steps()
    {
        using var averages = new GradientAverages(["0", "1"], "X");
        Next([8, 0], [0, 4]).Should().Equal(8, 0, 0, 4); // all of the first
        Next([0, 8]).Should().Equal(4, 4); // half of the second
        averages.Steps("0").Should().Be(2);
        averages.Steps("1").Should().Be(1);
        Next([4, 4], [4, 0]).Should().Equal(4, 4, 2, 2);
        averages.Clear();
        Next([8, 0], [0, 4]).Should().Equal(8, 0, 0, 4);

        double[] Next(params double[][] rows) => averages.Next(Jacobians.Of(rows), k => 1 / k).Matrix.Values().Select(v => Math.Round(v, 12)).ToArray();
    }

    [Fact]
    public void Without_a_part_count_and_remember_nothing()
    {
        using var averages = new GradientAverages(["0"], "X");
        var jacobian = Jacobians.Of([1, 2]);
        averages.Next(jacobian, null).Should().BeSameAs(jacobian);
        averages.Steps("0").Should().Be(1);
        averages.Next(Jacobians.Of([1, 2, 3]), null).Matrix.shape.Should().Equal(1, 3);
    }
}
