using FluentAssertions;

namespace MultiTask.Tests.Fixtures;

/// <summary>
/// Two losses of one number whose Pareto front is concave (Fonseca and Fleming's problem): ℓ₁ = 1 − exp(−(x − 1)²),
/// ℓ₂ = 1 − exp(−(x + 1)²), Pareto optimal for x in [−1, 1].
/// </summary>
internal static class ConcaveFront
{
    public static double[] Losses(double x) => [1 - Math.Exp(-(x - 1) * (x - 1)), 1 - Math.Exp(-(x + 1) * (x + 1))];

    /// <summary>Where gradient descent with shrinking steps ends.</summary>
    public static double Descend(Scalarizer method, double start, double rate)
    {
        var x = start;
        for (var k = 0; k < 250; k++)
        {
            var slopes = method.Slopes(Scalars.Of(("a", Losses(x)[0]), ("b", Losses(x)[1])));
            var gradient = (slopes[0] * 2 * (x - 1) * Math.Exp(-(x - 1) * (x - 1))) + (slopes[1] * 2 * (x + 1) * Math.Exp(-(x + 1) * (x + 1)));
            x -= rate / (1 + (k / 20.0)) * gradient;
        }

        return x;
    }

    /// <summary>Whatever the weights, a method only ever finds the ends of the front.</summary>
    public static void FindsTheEndsOnly(Func<TaskMap<double>, Scalarizer> method, double rate = 1)
    {
        foreach (var weight in new[] { 0.3, 0.5, 0.6 })
        {
            foreach (var start in new[] { -0.8, 0.1, 0.5 })
            {
                using var scalarizer = method([("a", weight), ("b", 1 - weight)]);
                Math.Abs(Descend(scalarizer, start, rate)).Should().BeGreaterThan(0.8, "weight {0}, start {1}", weight, start);
            }
        }
    }

    /// <summary>For every preference a method finds the point of the front that is preferred, from either end.</summary>
    /// <param name="method">Makes the method from preferences with the sum 1.</param>
    /// <param name="mismatch">0 where losses are as the preferences ask.</param>
    /// <param name="tolerance">Of the mismatch.</param>
    /// <param name="rate">The first step's, by what the slopes are.</param>
    public static void FindsWhatIsPreferred(Func<TaskMap<double>, Scalarizer> method, Func<double[], double[], double> mismatch, double tolerance, double rate = 0.5)
    {
        foreach (var weight in new[] { 0.3, 0.5, 0.6 })
        {
            foreach (var start in new[] { -0.8, 0.5 })
            {
                using var scalarizer = method([("a", weight), ("b", 1 - weight)]);
                var x = Descend(scalarizer, start, rate);
                x.Should().BeInRange(-0.85, 0.85, "weight {0}, start {1}", weight, start);
                mismatch(Losses(x), [weight, 1 - weight]).Should().BeApproximately(0, tolerance, "weight {0}, start {1}", weight, start);
            }
        }
    }
}
