using FluentAssertions;
using MultiTask.Balancing;
using MultiTask.Tests.Contracts;
using MultiTask.Tests.Fixtures;
using TorchSharp;
using static TorchSharp.torch;

namespace MultiTask.Tests.Balancing;

public sealed class VirtualStepTests : IDisposable
{
    private readonly DisposeScope scope = NewDisposeScope();

    public void Dispose() => scope.Dispose();

    [Theory]
    [InlineData(0.1)]
    [InlineData(0.7)]
    public void Slopes_are_those_of_the_bilevel_objective(double rate)
    {
        using var toy = new BilevelToy();
        double[] weights = [0.5, 1.5, -0.2];
        var slopes = Step(toy).Slopes(weights, rate, BilevelToy.Names, BilevelToy.Names, sum: false);
        for (var i = 0; i < 3; i++)
        {
            var expected = BilevelToy.Differences(w => BilevelToy.Validation(i, BilevelToy.After(toy.Point, w, rate)), weights);
            for (var k = 0; k < 3; k++)
            {
                slopes[i, k].Should().BeApproximately(expected[k], 1e-8);
            }
        }

        var sum = Step(toy).Slopes(weights, rate, ["c", "a"], BilevelToy.Names, sum: true);
        sum.GetLength(0).Should().Be(1);
        for (var k = 0; k < 3; k++)
        {
            sum[0, k].Should().BeApproximately(slopes[0, k] + slopes[2, k], 1e-14);
        }
    }

    /// <remarks>Losses that are not quadratic, of a network: differences of them, after a step along weights that differ.</remarks>
    [Fact]
    public void Slopes_are_those_of_a_network()
    {
        using var net = new SmallNet(2);
        using var held = new HeldOutLosses(() => net.Losses(net.Represent(), rows: 3..), net.All, null, 0, "X");
        var leaves = held.Leaves([]);
        var jacobian = Jacobian.Of(net.Losses(), leaves);
        double[] weights = [0.6, 0.3];
        double Objective(double[] w)
        {
            using var moved = new TensorCopies(leaves);
            moved.Move(jacobian.Combine(w), -0.05);
            return net.Losses(net.Represent(), rows: 3..)["task1"].item<double>();
        }

        var expected = BilevelToy.Differences(Objective, weights);
        var slopes = new VirtualStep([new MicroBatchLosses(net.Losses()).Checked()], leaves, held).Slopes(weights, 0.05, ["task1"], ["task0", "task1"], sum: false);
        slopes[0, 0].Should().BeApproximately(expected[0], 1e-7 * Math.Abs(expected[0]));
        slopes[0, 1].Should().BeApproximately(expected[1], 1e-7 * Math.Abs(expected[1]));
        SmallNet.Gradients(net.All).Should().AllSatisfy(g => g.Should().BeNull());
    }

    private static VirtualStep Step(BilevelToy toy)
    {
        var held = new HeldOutLosses(() => toy.Validation(), [toy.Theta], null, 0, "X");
        return new([new MicroBatchLosses(toy.Training()).Checked()], [toy.Theta], held);
    }
}
