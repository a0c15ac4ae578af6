using FluentAssertions;
using MultiTask.Tests.Data;
using Xunit;
using static TorchSharp.torch;

namespace MultiTask.Tests;

public class BatchSourceTests
{
    [Fact]
    public void Any_source_can_skip() => Leaks.NoneIn(() =>
    {
        var source = new Counting();
        Samples.Rows(source, 1, skip: 2).Select(r => r.Single()).Should().Equal(12, 13, 14);
        Samples.Rows(source, 1, skip: 5).Should().BeEmpty();
        source.Invoking(s => Samples.Rows(s, 1, skip: 6)).Should().Throw<ArgumentOutOfRangeException>().WithMessage("*5 batches*Found 6*");
        source.Invoking(s => s.Epoch(1, -1)).Should().Throw<ArgumentOutOfRangeException>();
    });

    private sealed class Counting : BatchSource
    {
        public override IReadOnlyList<string> Tasks => ["a"];

        public override int? BatchesPerEpoch => null;

        public override string Fingerprint => "counting";

        public override IEnumerable<MultiTaskBatch> Epoch(int epoch)
        {
            for (var i = 0; i < 5; i++)
            {
                yield return new(full([1, 1], (10 * epoch) + i), [("a", zeros(1))]);
            }
        }
    }
}
