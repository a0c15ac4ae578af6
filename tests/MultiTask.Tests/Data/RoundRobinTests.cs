using FluentAssertions;
using MultiTask.Data;
using Xunit;

namespace MultiTask.Tests.Data;

public sealed class RoundRobinTests : IDisposable
{
    private readonly MultiTaskDataset a = Samples.Numbered(3, "a");
    private readonly MultiTaskDataset b = Samples.Numbered(2, "b");

    public void Dispose()
    {
        a.Dispose();
        b.Dispose();
    }

    [Fact]
    public void Sources_take_turns()
    {
        Samples.Turns(Make(EpochLength.UntilLargestEnds), 0).Should().Equal("a", "b", "a", "b", "a", "b");
        Samples.Turns(Make(EpochLength.UntilSmallestEnds), 1).Should().Equal("a", "b", "a", "b");
    }

    [Fact]
    public void The_turn_passes_on_from_epoch_to_epoch()
    {
        var source = Make(EpochLength.SumOfBatches);
        Samples.Turns(source, 0).Should().Equal("a", "b", "a", "b", "a");
        Samples.Turns(source, 1).Should().Equal("b", "a", "b", "a", "b");
        Samples.Turns(source, 1, skip: 3).Should().Equal("a", "b");
    }

    private RoundRobin Make(EpochLength length) => new([a.Batches(1), b.Batches(1)], length);
}
