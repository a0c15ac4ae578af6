using FluentAssertions;
using MultiTask.Balancing;
using MultiTask.Tests.Fixtures;

namespace MultiTask.Tests.Balancing;

/// <summary>
/// The two-task problem of Fonseca and Fleming (1995), VLMOP2 in benchmark suites: fᵢ = 1 − exp(−‖x ∓ a‖²), a = (1, 1)/√2. Its
/// Pareto set is the segment from −a to a, and its front is concave.
/// </summary>
public sealed class ConcaveFrontTests
{
    private static readonly double A = 1 / Math.Sqrt(2);
    private static readonly double[][] Starts = [[0.3, -0.2], [-0.1, 0.4], [0.8, 0.5], [-0.6, -0.9]];

    private static readonly PlainProblem Problem = new(
        x => [1 - Hill(x, A), 1 - Hill(x, -A)],
        x => [Slope(x, A), Slope(x, -A)]);

    [Theory]
    [InlineData(0.2)]
    [InlineData(0.4)]
    [InlineData(0.5)]
    [InlineData(0.6)]
    [InlineData(0.8)]
    public void Linear_weights_reach_the_ends_only(double share)
    {
        using var method = new FixedWeights([("0", share), ("1", 1 - share)]);
        foreach (var start in Starts)
        {
            var losses = Problem.Losses(End(method.Plain(), start, 3_000, 0.1));
            losses.Min().Should().BeLessThan(0.03);
            losses.Max().Should().BeGreaterThan(0.93);
        }
    }

    private static double[] End(PlainMethod method, double[] start, int steps, double learningRate) =>
        Problem.Descend(method, start, steps, learningRate).Last();

    private static double Hill(double[] x, double a) => Math.Exp(-Math.Pow(x[0] - a, 2) - Math.Pow(x[1] - a, 2));

    private static double[] Slope(double[] x, double a) => [2 * (x[0] - a) * Hill(x, a), 2 * (x[1] - a) * Hill(x, a)];
}
