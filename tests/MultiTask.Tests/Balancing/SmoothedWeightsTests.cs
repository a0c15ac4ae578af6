using FluentAssertions;
using MultiTask.Balancing;
using MultiTask.Tests.Fixtures;

namespace MultiTask.Tests.Balancing;

public sealed class SmoothedWeightsTests
{
    private static readonly Gramian First = Of([("a", 1), ("b", 1)], [[1, 0], [0, 2]]);
    private static readonly Gramian Second = Of([("a", 1), ("b", 1)], [[3, 0], [0, 1]]);

    [Fact]
    public void Are_the_exponential_average_of_the_weights_found()
    {
        using var mgda = new MGDA();
        using var method = new SmoothedWeights(["a", "b"], new MGDA(), 0.75);
        method.Weigh(First).Should().Equal(mgda.Weigh(First));
        var (before, found) = (mgda.Weigh(First), mgda.Weigh(Second));
        Same(method.Weigh(Second), [(0.75 * before[0]) + (0.25 * found[0]), (0.75 * before[1]) + (0.25 * found[1])]);
    }

    [Fact]
    public void With_no_smoothing_nothing_changes()
    {
        using var mgda = new MGDA();
        using var method = new SmoothedWeights(["a", "b"], new MGDA(), 0);
        method.Weigh(First);
        method.Weigh(Second).Should().Equal(mgda.Weigh(Second));
    }

    [Fact]
    public void A_task_that_is_absent_keeps_its_average()
    {
        using var method = new SmoothedWeights(["a", "b"], new MGDA(), 0.5);
        var first = method.Weigh(First);
        method.Weigh(Of([("a", 1)], [[7, 7]])).Should().Equal((0.5 * first[0]) + 0.5);
        method.Weigh(Of([("b", 1)], [[7, 7]])).Should().Equal((0.5 * first[1]) + 0.5);
    }

    [Fact]
    public void A_constant_Gramian_gives_the_inner_weights_for_ever()
    {
        using var mgda = new MGDA();
        using var method = new SmoothedWeights(["a", "b"], new MGDA());
        for (var step = 0; step < 20; step++)
        {
            Same(method.Weigh(First), mgda.Weigh(First));
        }
    }

    [Fact]
    public void Reset_forgets_here_and_inside()
    {
        using var method = new SmoothedWeights(["a", "b"], new PCGrad(), 0.5);
        var first = method.Weigh(First);
        method.Weigh(Second);
        method.Reset();
        method.Weigh(First).Should().Equal(first);
    }

    [Fact]
    public void Bad_arguments_are_refused()
    {
        foreach (var bad in new[] { -0.1, 1, double.NaN })
        {
            FluentActions.Invoking(() => new SmoothedWeights(["a"], new MGDA(), bad)).Should().Throw<ArgumentOutOfRangeException>().WithMessage("*`smoothing`*[0, 1)*");
        }

        using var method = new SmoothedWeights(["a"], new MGDA());
        method.Invoking(m => m.Weigh(First)).Should().Throw<ArgumentException>().WithMessage("*'b'*");
    }

    private static Gramian Of(TaskMap<double> losses, double[][] rows)
    {
        var unnamed = Gramians.Of(rows);
        var entries = new double[rows.Length, rows.Length];
        for (var i = 0; i < rows.Length; i++)
        {
            for (var j = 0; j < rows.Length; j++)
            {
                entries[i, j] = unnamed[i, j];
            }
        }

        return new(entries, losses);
    }

    private static void Same(double[] found, double[] expected) => found.Should().Equal(expected, (a, b) => Math.Abs(a - b) < 1e-14);
}
