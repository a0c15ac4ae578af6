using FluentAssertions;
using MultiTask.Data;
using Xunit;

namespace MultiTask.Tests.Data;

/// <summary>The laws that hold for every way to combine sources.</summary>
public sealed class CombinedSourceTests : IDisposable
{
    private static readonly string[] AllKinds = ["together", "round robin", "proportional", "temperature", "capped", "nested"];

    private static readonly string[] AllLengths = ["largest", "smallest", "sum", "steps"];

    private readonly MultiTaskDataset large = Samples.Numbered(60, "large");
    private readonly MultiTaskDataset middle = Samples.Numbered(25, "middle", first: 100);
    private readonly MultiTaskDataset small = Samples.Numbered(8, "small", first: 200);

    public static TheoryData<string> Kinds => new(AllKinds);

    public static IEnumerable<object[]> KindsAndLengths => AllKinds.SelectMany(_ => AllLengths, (kind, length) => new object[] { kind, length });

    public void Dispose()
    {
        large.Dispose();
        middle.Dispose();
        small.Dispose();
    }

    [Theory]
    [MemberData(nameof(KindsAndLengths))]
    public void An_epoch_is_a_function_of_its_number_and_has_its_length(string kind, string length)
    {
        var (source, again) = (Make(kind, length), Make(kind, length));
        for (var epoch = 3; epoch >= 0; epoch--)
        {
            var rows = Samples.Rows(source, epoch);
            rows.Should().HaveCount(source.BatchesPerEpoch!.Value);
            Samples.Rows(again, epoch).Should().BeEquivalentTo(rows, o => o.WithStrictOrdering());
        }
    }

    [Theory]
    [MemberData(nameof(KindsAndLengths))]
    public void Skipping_is_reading_and_forgetting(string kind, string length)
    {
        var source = Make(kind, length);
        var all = Samples.Rows(source, 2);
        for (var skip = 0; skip <= all.Count; skip += 3)
        {
            Samples.Rows(source, 2, skip).Should().BeEquivalentTo(all.Skip(skip), o => o.WithStrictOrdering());
        }
    }

    [Theory]
    [MemberData(nameof(KindsAndLengths))]
    public void Over_time_all_samples_of_a_source_are_seen_equally_often(string kind, string length)
    {
        var source = Make(kind, length);
        var times = Enumerable.Range(0, 12).SelectMany(e => Samples.Rows(source, e)).SelectMany(r => r).CountBy(row => row).ToList();
        foreach (var dataset in times.GroupBy(t => t.Key / 100, t => t.Value))
        {
            (dataset.Max() - dataset.Min()).Should().BeLessThanOrEqualTo(1);
        }
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void Until_the_largest_ends_each_of_its_samples_is_seen_exactly_once(string kind)
    {
        var source = Make(kind, "largest");
        for (var epoch = 0; epoch < 4; epoch++)
        {
            Samples.Rows(source, epoch).SelectMany(r => r).Where(row => row < 100).Order().Should().Equal(Enumerable.Range(0, 60));
        }
    }

    [Theory]
    [InlineData("together")]
    [InlineData("round robin")]
    [InlineData("proportional")]
    [InlineData("temperature")]
    public void Until_the_smallest_ends_each_of_its_samples_is_seen_exactly_once(string kind)
    {
        var source = Make(kind, "smallest");
        for (var epoch = 0; epoch < 4; epoch++)
        {
            Samples.Rows(source, epoch).SelectMany(r => r).Where(row => row >= 200).Order().Should().Equal(Enumerable.Range(200, 8));
        }
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void Nothing_is_left_of_an_epoch_read_whole_or_in_part(string kind) => Leaks.NoneIn(() =>
    {
        Samples.Rows(Make(kind, "largest"), 0);
        using var scope = TorchSharp.torch.NewDisposeScope();
        _ = Make(kind, "sum").Epoch(1, 2).Take(5).Count();
    });

    [Fact]
    public void Fingerprints_tell_kinds_and_lengths_apart()
    {
        var prints = AllKinds.SelectMany(_ => AllLengths, (kind, length) => Make(kind, length).Fingerprint).ToList();
        prints.Should().OnlyHaveUniqueItems();
        prints.Should().OnlyContain(p => p.Contains("60 samples") && p.Contains("8 samples"));
        Make("temperature", "sum").ToString().Should().StartWith("temperature 2.5, seed 7(sum of batches; dataset(60 samples");
    }

    [Fact]
    public void Tasks_are_those_of_all_sources()
    {
        Make("nested", "sum").Tasks.Should().Equal("large", "middle", "small");
        new Together([large.Batches(2), large.Batches(3)]).Tasks.Should().Equal("large");
    }

    [Fact]
    public void Bad_sources_are_refused()
    {
        Refused(() => new Together([]), "*Found none*");
        Refused(() => new RoundRobin([new Unknown(null)]), "*number of batches*unknown*");
        Refused(() => new RoundRobin([new Unknown(0)]), "*source 0*unknown*");
        Refused(() => new ProportionalSampling([new Unknown(3)]), "*number of samples*unknown*");
        Refused(() => EpochLength.Steps(0), "*");
        FluentActions.Invoking(() => new Together([new Unknown(3)]).Epoch(0).First())
            .Should().Throw<InvalidOperationException>().WithMessage("*3 batches*Found 0 in epoch 0*unknown*");
    }

    private static void Refused(Func<object> make, string message) => make.Should().Throw<ArgumentException>().WithMessage(message);

    private CombinedSource Make(string kind, string length)
    {
        BatchSource[] sources = [large.Batches(4), middle.Batches(4, seed: 1), small.Batches(2, seed: 2)];
        var until = length switch
        {
            "largest" => EpochLength.UntilLargestEnds,
            "smallest" => EpochLength.UntilSmallestEnds,
            "sum" => EpochLength.SumOfBatches,
            _ => EpochLength.Steps(11),
        };
        return kind switch
        {
            "together" => new Together(sources, until),
            "round robin" => new RoundRobin(sources, until),
            "proportional" => new ProportionalSampling(sources, 7, until),
            "temperature" => new TemperatureSampling(sources, 2.5, 7, until),
            "capped" => new CappedProportionalSampling(sources, 10, 7, until),
            _ => new Together([sources[0], new RoundRobin(sources[1..])], until),
        };
    }

    private sealed class Unknown(int? batches) : BatchSource
    {
        public override IReadOnlyList<string> Tasks => ["a"];

        public override int? BatchesPerEpoch => batches;

        public override string Fingerprint => "unknown";

        public override IEnumerable<MultiTaskBatch> Epoch(int epoch) => [];
    }
}
