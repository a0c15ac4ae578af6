using FluentAssertions;
using MultiTask.Diagnostics;
using MultiTask.Tests.Fixtures;

namespace MultiTask.Tests.Diagnostics;

public sealed class GradientPairTests
{
    /// <summary>‖g₁‖², g₁·g₂, ‖g₂‖², and by hand C, Φ and ξ.</summary>
    public static TheoryData<double, double, double, double, double, double> ByHand => new()
    {
        { 18, -22, 38, -22 / Math.Sqrt(684), 2 * Math.Sqrt(684) / 56, (1 - (484.0 / 684)) * 100 / 12 }, // fixture A
        { 1, 0, 1, 0, 1, 1 }, // right angles
        { 4, 0, 9, 0, 12.0 / 13, 1 }, // right angles, of other lengths
        { 1, 0.5, 1, 0.5, 1, 0.25 }, // 60°: (1 − C)²
        { 1, -0.5, 1, -0.5, 1, 2.25 }, // 120°
        { 4, -1, 1, -0.5, 0.8, 0.75 * 7 / 3 }, // 120°, one twice as long
        { 2, 2, 2, 1, 1, 0 }, // the same
        { 9, 3, 1, 1, 0.6, 0 }, // parallel
        { 9, -3, 1, -1, 0.6, 0 }, // opposite, one three times as long
        { 1, -1, 1, -1, 1, 4 }, // opposite: 0 / 0 by the formula
        { 2, -2, 2, -1, 1, 4 }, // opposite, where the root of 2 squared is not 2
        { 0, 0, 9, 0, 0, 1 }, // one is zero
        { 0, 0, 0, 0, 1, 1 }, // both are
    };

    [Theory]
    [MemberData(nameof(ByHand))]
    public void Figures_are_those_found_by_hand(double first, double product, double second, double cosine, double similarity, double curvature)
    {
        foreach (var scale in new[] { 1, 1e-300, 1e-30, 1e30, 1e300 })
        {
            var pair = Of(first * scale, product * scale, second * scale);
            pair.Cosine.Should().BeApproximately(cosine, 1e-12);
            pair.MagnitudeSimilarity.Should().BeApproximately(similarity, 1e-12);
            pair.Curvature.Should().BeApproximately(curvature, 1e-12);
            pair.Conflicts.Should().Be(product < 0);
            (pair.First, pair.Second).Should().Be(("0", "1"));
        }
    }

    [Fact]
    public void Figures_of_hard_gradients_stay_in_their_ranges_and_do_not_depend_on_who_is_first()
    {
        foreach (var sample in Gramians.Draw(1000, seed: 41, most: 8))
        {
            var g = sample.Gramian;
            for (var i = 0; i < g.Count; i++)
            {
                for (var j = 0; j < i; j++)
                {
                    var pair = GradientPair.Of(g, i, j);
                    pair.Cosine.Should().BeInRange(-1, 1, "{0}", sample);
                    pair.MagnitudeSimilarity.Should().BeInRange(0, 1, "{0}", sample);
                    pair.Curvature.Should().BeInRange(0, Math.Max(1, (1 - pair.Cosine) * (1 - pair.Cosine)) + 1e-12, "{0}", sample);
                    (GradientPair.Of(g, j, i) with { First = pair.First, Second = pair.Second }).Should().Be(pair);
                }
            }
        }
    }

    [Fact]
    public void Figures_are_those_of_the_gradients_themselves()
    {
        var random = new Random(5);
        for (var k = 0; k < 500; k++)
        {
            var rows = Gramians.Normal(random, 2, 5);
            rows[1] = Array.ConvertAll(rows[1], v => v * Math.Pow(10, (k % 7) - 3));
            double Squared(Func<double, double, double> entry) => rows[0].Zip(rows[1], entry).Sum(v => v * v);
            var (a, b) = (Squared((x, _) => x), Squared((_, y) => y));
            var cosine = Gramians.Dot(rows[0], rows[1]) / Math.Sqrt(a * b);

            var pair = GradientPair.Of(Gramians.Of(rows), 0, 1);
            pair.Cosine.Should().BeApproximately(cosine, 1e-12);
            pair.MagnitudeSimilarity.Should().BeApproximately(2 * Math.Sqrt(a * b) / (a + b), 1e-12);
            pair.Curvature.Should().BeApproximately((1 - (cosine * cosine)) * Squared((x, y) => x - y) / Squared((x, y) => x + y), 1e-10);
        }
    }

    private static GradientPair Of(double first, double product, double second) =>
        GradientPair.Of(new(new[,] { { first, product }, { product, second } }), 0, 1);
}
