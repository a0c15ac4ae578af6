using FluentAssertions;
using MultiTask.Data;
using Xunit;

namespace MultiTask.Tests.Data;

public class TogetherTests
{
    [Fact]
    public void Every_step_has_a_part_of_every_source()
    {
        using var words = Samples.Numbered(10, "words");
        using var reviews = Samples.Numbered(4, "reviews", first: 100);
        var source = new Together([words.Batches(3), reviews.Batches(2)]);
        source.BatchesPerEpoch.Should().Be(4);
        Leaks.Steps(source.Epoch(0), b => b.Parts.Select(p => p.Targets.Tasks.Single()).ToArray())
            .Should().OnlyContain(tasks => tasks.SequenceEqual(new[] { "words", "reviews" }));
        var rows = Samples.Rows(source, 0);
        rows.Select(r => r.Length).Should().Equal(5, 5, 5, 3);
        var seen = rows.Select(r => r.Where(row => row >= 100).ToArray()).ToList();
        seen.Take(2).SelectMany(r => r).Order().Should().Equal([100, 101, 102, 103], "the shorter source begins anew");
        seen.Skip(2).SelectMany(r => r).Order().Should().Equal(100, 101, 102, 103);
    }

    [Theory]
    [InlineData(0, 4)]
    [InlineData(1, 2)]
    [InlineData(2, 6)]
    [InlineData(3, 5)]
    public void An_epoch_has_the_length_asked_for(int length, int steps)
    {
        using var words = Samples.Numbered(10, "words");
        using var reviews = Samples.Numbered(4, "reviews");
        EpochLength[] lengths = [EpochLength.UntilLargestEnds, EpochLength.UntilSmallestEnds, EpochLength.SumOfBatches, EpochLength.Steps(5)];
        new Together([words.Batches(3), reviews.Batches(2)], lengths[length]).BatchesPerEpoch.Should().Be(steps);
    }

    [Fact]
    public void A_source_that_is_cut_off_goes_on_in_the_next_epoch()
    {
        using var data = Samples.Numbered(10);
        var source = new Together([data.Batches(1, shuffle: false)], EpochLength.Steps(4));
        Enumerable.Range(0, 5).SelectMany(e => Samples.Rows(source, e)).Select(r => r.Single())
            .Should().Equal(Enumerable.Range(0, 20).Select(i => i % 10));
    }
}
