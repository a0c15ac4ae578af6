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

    [Theory]
    [InlineData(0.35)]
    [InlineData(0.5)]
    [InlineData(0.65)]
    public void Smooth_Tchebycheff_reaches_the_point_that_its_preferences_name(double share)
    {
        using var method = new STCH(mu: 0.02, [("0", share), ("1", 1 - share)]);
        foreach (var start in Starts[..2])
        {
            var x = End(method.Plain(), start, 600, 0.1);
            InTheMiddle(x, share, tolerance: 0.03);
            x[0].Should().BeApproximately(x[1], 1e-3);
            Problem.Stationarity(x).Should().BeLessThan(1e-6);
        }
    }

    [Theory]
    [InlineData(0.35)]
    [InlineData(0.5)]
    [InlineData(0.65)]
    public void Tchebycheff_reaches_the_point_that_its_preferences_name(double share)
    {
        using var method = new Tchebycheff([("0", share), ("1", 1 - share)]);
        foreach (var start in Starts[..2])
        {
            var rate = 0.1;
            var x = Problem.Descend(method.Plain(), start, 1_000, (x, d) => Step(x, d, rate *= 0.992)).Last();
            InTheMiddle(x, share, tolerance: 1e-3);
        }
    }

    /// <summary>λ₁ f₁ = λ₂ f₂ on the segment, where a linear scalarization of any weights has no minimum.</summary>
    private static void InTheMiddle(double[] x, double share, double tolerance)
    {
        var losses = Problem.Losses(x);
        losses.Should().OnlyContain(loss => loss > 0.3 && loss < 0.9);
        (share * losses[0]).Should().BeApproximately((1 - share) * losses[1], tolerance);
        x[0].Should().BeApproximately(x[1], 0.05);
    }

    private static double[] Step(double[] x, double[] d, double rate) => [.. x.Select((v, k) => v - (rate * d[k]))];

    private static double[] End(PlainMethod method, double[] start, int steps, double learningRate) =>
        Problem.Descend(method, start, steps, learningRate).Last();

    private static double Hill(double[] x, double a) => Math.Exp(-Math.Pow(x[0] - a, 2) - Math.Pow(x[1] - a, 2));

    private static double[] Slope(double[] x, double a) => [2 * (x[0] - a) * Hill(x, a), 2 * (x[1] - a) * Hill(x, a)];
}
