using FluentAssertions;
using MultiTask.Balancing;
using MultiTask.Tests.Fixtures;
using static TorchSharp.torch;

namespace MultiTask.Tests.Balancing;

public sealed class GradDropTests
{
    [Fact]
    public void With_a_leak_of_1_it_is_the_sum()
    {
        using var drop = new GradDrop([("0", 1), ("1", 1)]);
        drop.Aggregate(Jacobians.Of(Jacobians.A)).Values().Should().Equal(2, 2, 2);
    }

    [Fact]
    public void Entries_on_which_all_agree_pass_unchanged()
    {
        using var drop = new GradDrop(seed: 1);
        for (var step = 0; step < 50; step++)
        {
            drop.Aggregate(Jacobians.Of([1, -2, 0, 0], [3, -4, 0, 5])).Values().Should().Equal(4, -6, 0, 5);
        }
    }

    [Fact]
    public void Each_entry_is_the_sum_of_the_positive_or_of_the_negative_parts()
    {
        using var drop = new GradDrop(seed: 2);
        using var generator = new Generator(2);
        for (var step = 0; step < 50; step++)
        {
            var jacobian = new Jacobian(randn([5, 7], ScalarType.Float64, generator: generator), Jacobians.Of([1], [1], [1], [1], [1]).Losses);
            var positive = jacobian.Matrix.clamp_min(0).sum(dim: 0).Values();
            var negative = jacobian.Matrix.clamp_max(0).sum(dim: 0).Values();
            var found = drop.Aggregate(jacobian).Values();
            for (var k = 0; k < found.Length; k++)
            {
                Math.Min(Math.Abs(found[k] - positive[k]), Math.Abs(found[k] - negative[k])).Should().BeLessThan(1e-14);
            }
        }
    }

    [Fact]
    public void The_positive_parts_are_kept_with_the_probability_of_the_paper()
    {
        // P = ½(1 + (3 − 1)/(3 + 1)) = ¾ in the first entry, ½ in the second, 0.1 in the third.
        using var drop = new GradDrop(seed: 3);
        double[] kept = [0, 0, 0];
        const int Steps = 4_000;
        for (var step = 0; step < Steps; step++)
        {
            var d = drop.Aggregate(Jacobians.Of([3, 2, 1], [-1, -2, -9])).Values();
            kept = [.. kept.Zip(d, (count, v) => count + (v > 0 ? 1 : 0))];
        }

        (kept[0] / Steps).Should().BeApproximately(0.75, 0.03);
        (kept[1] / Steps).Should().BeApproximately(0.5, 0.03);
        (kept[2] / Steps).Should().BeApproximately(0.1, 0.02);
    }

    [Fact]
    public void Entries_are_drawn_independently()
    {
        using var drop = new GradDrop(seed: 4);
        var signs = drop.Aggregate(Jacobians.Of([.. Enumerable.Repeat(1.0, 2_000)], [.. Enumerable.Repeat(-1.0, 2_000)])).Values();
        signs.Count(v => v > 0).Should().BeInRange(900, 1100);
        signs.Zip(signs.Skip(1)).Count(p => p.First == p.Second).Should().BeInRange(900, 1100);
    }

    [Fact]
    public void The_leak_lets_its_part_of_a_task_pass()
    {
        using var drop = new GradDrop([("1", 0.25)], seed: 5);
        for (var step = 0; step < 20; step++)
        {
            // Task 0 brings 4 or nothing; task 1 brings −2, or a quarter of it.
            var d = drop.Aggregate(Jacobians.Of([4], [-2])).Values()[0];
            d.Should().BeOneOf(4 - 0.5, -2);
        }
    }

    [Fact]
    public void Tiny_gradients_in_float32_keep_their_probability()
    {
        using var drop = new GradDrop();
        for (var step = 0; step < 20; step++)
        {
            drop.Aggregate(Jacobians.Of(ScalarType.Float32, [1e-30], [2e-30])).Values()[0].Should().BeApproximately(3e-30, 1e-35);
        }
    }

    [Theory]
    [InlineData(-0.1)]
    [InlineData(1.1)]
    [InlineData(double.NaN)]
    public void Refuses_a_leak_that_is_none(double leak) =>
        FluentActions.Invoking(() => new GradDrop([("a", leak)])).Should().Throw<ArgumentException>().WithMessage($"*'a'*[0, 1]*{leak}*");
}
