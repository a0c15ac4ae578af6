using FluentAssertions;
using MultiTask.Balancing;
using TorchSharp;
using static TorchSharp.torch;

namespace MultiTask.Tests.Balancing;

public sealed class OwnRandomNumbersTests : IDisposable
{
    private readonly DisposeScope scope = NewDisposeScope();

    public void Dispose() => scope.Dispose();

    [Fact]
    public void Are_those_of_the_seed_and_leave_the_global_ones_alone()
    {
        manual_seed(5);
        rand(3);
        var expected = Drawn();
        manual_seed(5);
        rand(3);
        double[] own;
        using (new OwnRandomNumbers(9))
        {
            own = Drawn();
        }

        using (new OwnRandomNumbers(9))
        {
            Drawn().Should().Equal(own);
        }

        using (new OwnRandomNumbers(10))
        {
            Drawn().Should().NotEqual(own);
        }

        Drawn().Should().Equal(expected);
    }

    private static double[] Drawn() => rand(7, ScalarType.Float64).data<double>().ToArray();
}
