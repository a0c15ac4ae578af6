using FluentAssertions;
using MultiTask.Numerics;

namespace MultiTask.Tests.Numerics;

public sealed class LineKMeansTests
{
    [Fact]
    public void No_assignment_of_numbers_to_groups_is_better()
    {
        var random = new Random(1);
        for (var sample = 0; sample < 300; sample++)
        {
            var n = 2 + (sample % 5);
            var k = 1 + (sample % 3);
            double[] x = [.. Enumerable.Range(0, n).Select(_ => Math.Round(Math.Pow(10, 2 * random.NextDouble()), sample % 3))];
            var found = LineKMeans.Solve(x, k);
            var best = Assignments(n, k).Min(groups => Cost(x, groups));
            found.Cost.Should().BeApproximately(best, 1e-10 * (1 + best));
            Cost(x, found.Groups).Should().BeApproximately(best, 1e-10 * (1 + best));
            found.Groups.Distinct().Should().HaveCount(Math.Min(n, k));
        }
    }

    [Fact]
    public void Means_are_those_of_the_groups_which_are_intervals_in_order()
    {
        var random = new Random(2);
        for (var sample = 0; sample < 100; sample++)
        {
            double[] x = [.. Enumerable.Range(0, 40).Select(_ => random.NextDouble())];
            var found = LineKMeans.Solve(x, 5);
            for (var i = 0; i < x.Length; i++)
            {
                found.Means[i].Should().BeApproximately(x.Where((_, j) => found.Groups[j] == found.Groups[i]).Average(), 1e-14);
            }

            x.Zip(found.Groups).OrderBy(p => p.First).Select(p => p.Second).Should().BeInAscendingOrder();
        }
    }

    [Theory]
    [InlineData(1e-300)]
    [InlineData(1.0)]
    [InlineData(1e300)]
    public void Scale_and_offset_do_not_matter(double scale)
    {
        double[] x = [1e8, 1e8 + 11, 1e8 + 1, 1e8 + 10, 1e8 + 2];
        LineKMeans.Solve([.. x.Select(v => v * (scale / 1e8))], 2).Groups.Should().Equal(0, 1, 0, 1, 0);
    }

    [Fact]
    public void Fewer_numbers_than_groups_and_equal_numbers_are_defined()
    {
        LineKMeans.Solve([3], 4).Means.Should().Equal(3);
        LineKMeans.Solve([5, 5, 5], 2).Means.Should().Equal(5, 5, 5);
        LineKMeans.Solve([0, 0], 1).Means.Should().Equal(0, 0);
        LineKMeans.Solve([2, -1, 7], 3).Means.Should().Equal(2, -1, 7);
    }

    [Fact]
    public void Lloyd_s_local_minimum_is_avoided()
    {
        // From the centres 0, 1 and 8 Lloyd's iteration stays at {0}, {1}, {5, 6, 10, 11}.
        LineKMeans.Solve([0, 1, 5, 6, 10, 11], 3).Groups.Should().Equal(0, 0, 1, 1, 2, 2);
    }

    private static IEnumerable<int[]> Assignments(int n, int k)
    {
        for (var code = 0; code < Math.Pow(k, n); code++)
        {
            var rest = code;
            yield return [.. Enumerable.Range(0, n).Select(_ =>
            {
                var group = rest % k;
                rest /= k;
                return group;
            })];
        }
    }

    private static double Cost(double[] x, int[] groups) => x.Zip(groups).GroupBy(p => p.Second, p => p.First).Sum(g => g.Sum(v => Math.Pow(v - g.Average(), 2)));
}
