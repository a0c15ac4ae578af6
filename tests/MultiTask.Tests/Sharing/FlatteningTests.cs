using FluentAssertions;
using MultiTask.Sharing;
using MultiTask.Tests.Fixtures;
using TorchSharp;
using static TorchSharp.torch;

namespace MultiTask.Tests.Sharing;

public sealed class FlatteningTests : IDisposable
{
    private readonly DisposeScope scope = NewDisposeScope();

    public void Dispose() => scope.Dispose();

    [Fact]
    public void Names_say_which_dimensions_are_rows()
    {
        Names(Flattening.LastAxis(3)).Should().Equal("tasks|0,1");
        Names(Flattening.Tucker(3)).Should().Equal("tasks|0,1", "0|tasks,1", "1|tasks,0");
        Names(Flattening.TensorTrain(2)).Should().Equal("0|tasks");
        Names(Flattening.TensorTrain(3)).Should().Equal("1|tasks,0", "1,0|tasks");
        Names(Flattening.TensorTrain(5)).Should().Equal("2|tasks,0,1,3", "2,3|tasks,0,1", "2,3,1|tasks,0", "2,3,1,0|tasks"); // height, width, in, out
        Names(Flattening.All(3)).Should().Equal("tasks|0,1", "tasks,0|1", "tasks,1|0");
    }

    [Theory]
    [InlineData(1, 1)]
    [InlineData(2, 1)]
    [InlineData(3, 3)]
    [InlineData(5, 15)]
    public void There_are_two_to_the_power_of_one_less_minus_one(int dimensions, int count) => Flattening.All(dimensions).Should().HaveCount(count);

    [Fact]
    public void Folding_takes_unfolding_back()
    {
        var x = Layers.Draw(2, [3, 4, 5]).Stacked();
        foreach (var flattening in Flattening.All(4).Concat(Flattening.Tucker(4)).Concat(Flattening.TensorTrain(4)))
        {
            var matrix = flattening.Unfold(x);
            matrix.dim().Should().Be(2);
            flattening.Fold(matrix, x).Values().Should().Equal(x.Values());
        }

        Flattening.Tucker(4)[2].Unfold(x)[3].reshape(2, 3, 5).Values().Should().Equal(x[.., .., 3, ..].Values());
    }

    private static IEnumerable<string> Names(Flattening[] flattenings) => flattenings.Select(f => f.Name);
}
