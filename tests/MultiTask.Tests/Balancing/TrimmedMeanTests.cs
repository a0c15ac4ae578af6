using FluentAssertions;
using MultiTask.Balancing;
using MultiTask.Tests.Fixtures;

namespace MultiTask.Tests.Balancing;

public sealed class TrimmedMeanTests
{
    [Fact]
    public void Leaves_out_the_largest_and_the_smallest_of_each_entry()
    {
        using var mean = new TrimmedMean();
        mean.Aggregate(Jacobians.Of([1, 9], [5, -3], [100, 2], [3, 4])).Values().Should().Equal(4, 3);
    }

    [Fact]
    public void Without_trimming_it_is_the_mean()
    {
        using var mean = new TrimmedMean(trim: 0);
        mean.Aggregate(Jacobians.Of([1, 9], [5, -3], [3, 0])).Values().Should().Equal(3, 2);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    [InlineData(4)]
    [InlineData(5)]
    [InlineData(12)]
    public void Is_what_sorting_and_slicing_by_hand_gives(int m)
    {
        foreach (var trim in new[] { 0, 1, 2, 5 })
        {
            using var mean = new TrimmedMean(trim);
            var rows = Gramians.Normal(new Random(m), m, 6);
            var b = Math.Min(trim, (m - 1) / 2);
            var expected = Enumerable.Range(0, 6).Select(k => rows.Select(r => r[k]).Order().Skip(b).SkipLast(b).Average());
            mean.Aggregate(Jacobians.Of(rows)).Values().Should().Equal(expected, (x, y) => Math.Abs(x - y) < 1e-14);
        }
    }

    [Fact]
    public void Too_few_tasks_to_trim_give_the_median()
    {
        using var mean = new TrimmedMean(trim: 10);
        mean.Aggregate(Jacobians.Of([1], [5], [100])).Values().Should().Equal(5);
        mean.Aggregate(Jacobians.Of([1], [5], [7], [100])).Values().Should().Equal(6);
        mean.Aggregate(Jacobians.Of([3], [4])).Values().Should().Equal(3.5);
        mean.Aggregate(Jacobians.Of([3])).Values().Should().Equal(3);
    }

    [Fact]
    public void One_broken_task_moves_nothing_beyond_the_others()
    {
        using var mean = new TrimmedMean();
        var broken = mean.Aggregate(Jacobians.Of([1], [2], [3], [1e30])).Values()[0];
        broken.Should().BeInRange(1, 3);
    }

    [Fact]
    public void Refuses_to_trim_less_than_nothing() =>
        FluentActions.Invoking(() => new TrimmedMean(-1)).Should().Throw<ArgumentOutOfRangeException>().WithMessage("*non-negative*-1*");
}
