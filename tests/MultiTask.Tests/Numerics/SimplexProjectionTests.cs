using FluentAssertions;
using MultiTask.Numerics;
using MultiTask.Tests.Fixtures;

namespace MultiTask.Tests.Numerics;

public sealed class SimplexProjectionTests
{
    [Fact]
    public void The_result_is_on_the_simplex_and_the_optimality_conditions_hold()
    {
        for (var k = 0; k < 10_000; k++)
        {
            var v = Draw(k);
            var w = SimplexProjection.Of(v);
            (w.Min() >= 0 && Math.Abs(w.Sum() - 1) <= 1e-14 * v.Length).Should().BeTrue("#{0}", k);

            // v − w is one number θ where w > 0, and v ≤ θ where w = 0. Relative to the largest entry, which θ is near.
            var theta = v.Zip(w).Where(p => p.Second > 0).Select(p => p.First - p.Second).ToArray();
            var rounding = 1e-14 * (1 + v.Max(Math.Abs));
            (theta.Max() - theta.Min()).Should().BeLessThanOrEqualTo(rounding, "#{0}", k);
            v.Zip(w).All(p => p.Second > 0 || p.First <= theta.Min() + rounding).Should().BeTrue("#{0}", k);
        }
    }

    [Fact]
    public void No_point_of_the_simplex_is_nearer()
    {
        var random = new Random(2);
        for (var k = 0; k < 1_000; k++)
        {
            double[] v = [.. Enumerable.Range(0, 2 + (k % 6)).Select(_ => 2 * Gramians.Gaussian(random))];
            var w = SimplexProjection.Of(v);
            for (var trial = 0; trial < 20; trial++)
            {
                double[] e = [.. v.Select(_ => -Math.Log(1 - random.NextDouble()))];
                double[] other = [.. e.Select(x => x / e.Sum())];
                (Distance(v, w) <= Distance(v, other) + 1e-12).Should().BeTrue("#{0}", k);
            }
        }
    }

    [Fact]
    public void A_point_of_the_simplex_stays_where_it_is()
    {
        Same(SimplexProjection.Of([0.2, 0.5, 0.3]), [0.2, 0.5, 0.3]);
        Same(SimplexProjection.Of([0, 1, 0]), [0, 1, 0]);
        Same(SimplexProjection.Of([7]), [1]);
    }

    [Fact]
    public void Closed_forms()
    {
        // Two entries: ½ ± half their difference, cut at 0 and 1.
        Same(SimplexProjection.Of([3, 2.6]), [0.7, 0.3]);
        Same(SimplexProjection.Of([3, 1]), [1, 0]);
        Same(SimplexProjection.Of([-5, -5, -5, -5]), [0.25, 0.25, 0.25, 0.25]);
    }

    [Theory]
    [InlineData(1e60)]
    [InlineData(-1e60)]
    [InlineData(1e300)]
    public void Far_from_the_simplex_the_sum_is_still_1(double far)
    {
        SimplexProjection.Of([far, far / 2, 0]).Sum().Should().Be(1);
        SimplexProjection.Of([far, far, far]).Should().OnlyContain(w => Math.Abs(w - (1.0 / 3)) < 1e-15);
    }

    private static double[] Draw(int k)
    {
        var random = new Random(k);
        var spread = random.Next(2) == 0 ? 1 : Math.Pow(10, random.Next(-12, 12));
        var shift = random.Next(2) == 0 ? 0 : Math.Pow(10, random.Next(-3, 8));
        return [.. Enumerable.Range(0, 1 + random.Next(40)).Select(_ => random.Next(8) == 0 ? shift : shift + (spread * Gramians.Gaussian(random)))];
    }

    private static double Distance(double[] a, double[] b) => a.Zip(b, (x, y) => (x - y) * (x - y)).Sum();

    private static void Same(double[] found, double[] expected) => found.Should().Equal(expected, (a, b) => Math.Abs(a - b) < 1e-15);
}
