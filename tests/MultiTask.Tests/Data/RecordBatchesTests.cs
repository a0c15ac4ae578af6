using FluentAssertions;
using MultiTask.Data;
using Xunit;
using static TorchSharp.torch;

namespace MultiTask.Tests.Data;

public class RecordBatchesTests
{
    /// <summary>Record i is i + 1 tokens with the value i.</summary>
    private static readonly long[][] Sentences = [.. Enumerable.Range(0, 7).Select(i => Enumerable.Repeat((long)i, i + 1).ToArray())];

    [Fact]
    public void A_batch_is_what_the_function_makes_of_its_records()
    {
        var shapes = Leaks.Steps(Source(shuffle: false).Epoch(0), batch => batch.Parts.Single().Inputs.Single.shape);
        shapes.Should().BeEquivalentTo(new long[][] { [3, 3], [3, 6], [1, 7] }, "each batch is padded to its own longest sentence");
    }

    [Fact]
    public void Every_record_comes_once_an_epoch()
    {
        var source = Source();
        source.BatchesPerEpoch.Should().Be(3);
        source.SamplesPerEpoch.Should().Be(7);
        source.Tasks.Should().Equal("a");
        First(source, 2).SelectMany(r => r).Should().BeEquivalentTo(Enumerable.Range(0, 7));
    }

    [Fact]
    public void An_epoch_is_a_function_of_its_number_and_in_the_order_of_a_data_set()
    {
        using var data = Samples.Numbered(7);
        var third = First(Source(seed: 5), 3);
        First(Source(seed: 5), 3).Should().BeEquivalentTo(third, o => o.WithStrictOrdering());
        Samples.Rows(data.Batches(3, seed: 5), 3).Should().BeEquivalentTo(third, o => o.WithStrictOrdering());
        First(Source(seed: 5), 4).Should().NotBeEquivalentTo(third, o => o.WithStrictOrdering());
    }

    [Theory]
    [InlineData(true, 2)]
    [InlineData(false, 3)]
    public void Skipping_is_reading_and_forgetting(bool dropLast, int batches)
    {
        var source = Source(dropLast: dropLast);
        var all = First(source, 1);
        all.Should().HaveCount(batches);
        for (var skip = 0; skip <= batches; skip++)
        {
            First(source, 1, skip).Should().BeEquivalentTo(all.Skip(skip), o => o.WithStrictOrdering());
        }

        source.Invoking(s => s.Epoch(1, batches + 1)).Should().Throw<ArgumentOutOfRangeException>();
    }

    [Fact]
    public void The_fingerprint_tells_sources_apart() => new[]
    {
        Source().Fingerprint, Source(seed: 1).Fingerprint, Source(shuffle: false).Fingerprint, Source(dropLast: true).Fingerprint,
    }.Should().OnlyHaveUniqueItems();

    [Fact]
    public void Nothing_is_left_behind() => Leaks.NoneIn(() => First(Source(), 0));

    [Fact]
    public void Bad_arguments_are_refused()
    {
        Make([], 3, "a").Should().Throw<ArgumentException>().WithMessage("*at least one record*");
        Make(Sentences, 0, "a").Should().Throw<ArgumentOutOfRangeException>();
        Make(Sentences, 3).Should().Throw<ArgumentException>().WithMessage("*one task*");
        Make(Sentences, 3, "a", "a").Should().Throw<ArgumentException>().WithMessage("*'a' twice*");
    }

    private static Action Make(long[][] records, int batchSize, params string[] tasks) =>
        () => _ = new RecordBatches<long[]>(records, batchSize, tasks, Pad);

    private static RecordBatches<long[]> Source(bool shuffle = true, int seed = 0, bool dropLast = false) =>
        new(Sentences, batchSize: 3, tasks: ["a"], Pad, shuffle, seed, dropLast);

    private static MultiTaskBatch Pad(IReadOnlyList<long[]> batch)
    {
        var length = batch.Max(s => s.Length);
        var ids = batch.SelectMany(s => s.Concat(Enumerable.Repeat(-1L, length - s.Length))).ToArray();
        return new(tensor(ids, [batch.Count, length]), [("a", tensor(batch.Select(s => s[0]).ToArray()))]);
    }

    private static List<int[]> First(BatchSource source, int epoch, int skip = 0) =>
        Leaks.Steps(source.Epoch(epoch, skip), batch => Samples.Ints(batch.Parts.Single().Targets["a"]));
}
