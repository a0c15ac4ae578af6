using FluentAssertions;
using MultiTask.Data;
using TorchSharp;
using Xunit;
using static TorchSharp.torch;

namespace MultiTask.Tests.Data;

public class DatasetBatchesTests
{
    [Theory]
    [InlineData(10, 3, false, 4)]
    [InlineData(10, 5, false, 2)]
    [InlineData(10, 100, false, 1)]
    [InlineData(10, 1, false, 10)]
    [InlineData(1, 1, true, 1)]
    [InlineData(10, 3, true, 3)]
    public void Every_sample_comes_once_an_epoch(int count, int batchSize, bool dropLast, int batches)
    {
        using var data = Samples.Numbered(count);
        var source = data.Batches(batchSize, dropLast: dropLast);
        var rows = Samples.Rows(source, epoch: 2);
        rows.Should().HaveCount(batches);
        source.BatchesPerEpoch.Should().Be(batches);
        rows.SelectMany(r => r).Should().OnlyHaveUniqueItems();
        rows.Sum(r => r.Length).Should().Be((int)source.SamplesPerEpoch!.Value);
        source.SamplesPerEpoch.Should().Be(dropLast ? count / batchSize * batchSize : count);
    }

    /// <summary>Splits of another seed have the same sizes, and a run that was stopped on one went on with the other.</summary>
    [Fact]
    public void The_fingerprint_tells_values_apart()
    {
        using var data = Samples.Numbered(20);
        var (one, _) = data.Split(0.5, Splitter.Random(1));
        var (same, _) = data.Split(0.5, Splitter.Random(1));
        var (other, _) = data.Split(0.5, Splitter.Random(2));
        using (one)
        using (same)
        using (other)
        {
            same.Batches(5).Fingerprint.Should().Be(one.Batches(5).Fingerprint);
            other.Batches(5).Fingerprint.Should().NotBe(one.Batches(5).Fingerprint);
        }
    }

    [Fact]
    public void An_epoch_is_a_function_of_its_number()
    {
        using var data = Samples.Numbered(50);
        var source = data.Batches(7, seed: 3);
        var third = Samples.Rows(source, 3);
        Samples.Rows(source, 4).Should().NotBeEquivalentTo(third, o => o.WithStrictOrdering());
        Samples.Rows(source, 3).Should().BeEquivalentTo(third, o => o.WithStrictOrdering());
        Samples.Rows(data.Batches(7, seed: 3), 3).Should().BeEquivalentTo(third, o => o.WithStrictOrdering());
        Samples.Rows(data.Batches(7, seed: 4), 3).Should().NotBeEquivalentTo(third, o => o.WithStrictOrdering());
    }

    [Fact]
    public void The_order_is_the_same_on_every_machine()
    {
        using var data = Samples.Numbered(8);
        Samples.Rows(data.Batches(8, seed: 1), 0).Single().Should().Equal(GoldenOrder);
    }

    [Theory]
    [InlineData(true)]
    [InlineData(false)]
    public void Skipping_is_reading_and_forgetting(bool shuffle)
    {
        using var data = Samples.Numbered(20);
        var source = data.Batches(6, shuffle);
        var all = Samples.Rows(source, 1);
        for (var skip = 0; skip <= 4; skip++)
        {
            Samples.Rows(source, 1, skip).Should().BeEquivalentTo(all.Skip(skip), o => o.WithStrictOrdering());
        }

        source.Invoking(s => s.Epoch(1, 5)).Should().Throw<ArgumentOutOfRangeException>().WithMessage("*4 batches*Found 5*");
        source.Invoking(s => s.Epoch(-1)).Should().Throw<ArgumentOutOfRangeException>();
    }

    [Fact]
    public void Without_shuffling_samples_come_in_order()
    {
        using var data = Samples.Numbered(5);
        Samples.Rows(data.Batches(2, shuffle: false), 7).SelectMany(r => r).Should().Equal(0, 1, 2, 3, 4);
    }

    [Fact]
    public void The_global_generator_is_left_alone()
    {
        using var data = Samples.Numbered(20);
        using var before = get_rng_state();
        Samples.Rows(data.Batches(3), 0);
        using var after = get_rng_state();
        before.Equals(after).Should().BeTrue();
    }

    [Fact]
    public void Labels_and_weights_go_with_their_inputs()
    {
        using var x = arange(0, 6, dtype: ScalarType.Float32).reshape(6, 1);
        using var y = x.squeeze(1);
        using var z = arange(0, 6);
        using var w = x.squeeze(1);
        using var data = new MultiTaskDataset(x, [("y", y), ("z", z)], [("z", w)]);
        Leaks.Steps(data.Batches(4).Epoch(0), b =>
        {
            var part = b.Parts.Single();
            var rows = Samples.Ints(part.Inputs.Single);
            Samples.Ints(part.Targets["y"]).Should().Equal(rows);
            Samples.Ints(part.Targets["z"]).Should().Equal(rows);
            Samples.Ints(part.Weights["z"]).Should().Equal(rows);
            return 0;
        }).Should().HaveCount(2);
    }

    [Fact]
    public void Missing_labels_stay_missing()
    {
        using var data = MultiTaskDataset.FromArrays(new float[3, 1], [("a", new float?[] { null, 2, null }), ("b", new long?[] { null, null, 1 })]);
        Leaks.Steps(data.Batches(1, shuffle: false).Epoch(0), b => b.Parts[0].Targets.Map((_, t) => MissingLabels.Count(t)).Values.ToArray())
            .Should().BeEquivalentTo([new long[] { 0, 0 }, [1, 0], [0, 1]], o => o.WithStrictOrdering());
    }

    [Fact]
    public void Changing_a_batch_in_place_leaves_the_data_alone()
    {
        using var data = Samples.Numbered(4);
        Leaks.Steps(data.Batches(4, shuffle: false).Epoch(0), b => b.Parts[0].Inputs.Single.fill_(9).IsInvalid);
        Samples.Rows(data.Batches(4, shuffle: false), 0).Single().Should().Equal(0, 1, 2, 3);
    }

    [Fact]
    public void No_tensor_is_left_of_an_epoch_read_whole_or_in_part()
    {
        using var data = Samples.Numbered(20);
        Leaks.NoneIn(() =>
        {
            Samples.Rows(data.Batches(3), 0);
            using var scope = NewDisposeScope();
            _ = data.Batches(3).Epoch(0).Take(2).Count();
            _ = data.Batches(3).Epoch(0, skip: 1).First();
        });
    }

    [Fact]
    public void An_epoch_survives_the_scopes_of_its_steps_and_those_around_it()
    {
        using var data = Samples.Numbered(9);
        using var batches = data.Batches(3).Epoch(0).GetEnumerator();
        for (var i = 0; i < 3; i++)
        {
            using var scope = NewDisposeScope();
            batches.MoveNext().Should().BeTrue();
            scope.DisposablesCount.Should().BeGreaterThanOrEqualTo(2, "a batch's tensors belong to the scope of its MoveNext");
        }
    }

    [Fact]
    public void Epochs_may_be_read_side_by_side()
    {
        using var data = Samples.Numbered(6);
        var source = data.Batches(2);
        using var scope = NewDisposeScope();
        foreach (var (left, right) in source.Epoch(0).Zip(source.Epoch(0)))
        {
            Samples.Ints(left.Parts[0].Inputs.Single).Should().Equal(Samples.Ints(right.Parts[0].Inputs.Single));
        }
    }

    [Fact]
    public void The_fingerprint_tells_sources_apart()
    {
        using var data = Samples.Numbered(6);
        using var other = Samples.Numbered(7);
        string[] prints =
        [
            data.Batches(2).Fingerprint, data.Batches(3).Fingerprint, data.Batches(2, shuffle: false).Fingerprint,
            data.Batches(4, dropLast: true).Fingerprint, data.Batches(4).Fingerprint,
            data.Batches(2, seed: 1).Fingerprint, other.Batches(2).Fingerprint,
        ];
        prints.Should().OnlyHaveUniqueItems();
        data.Batches(2).Fingerprint.Should().Be(prints[0]).And.Contain("6 samples").And.Contain("batches of 2").And.Contain("seed 0");
    }

    [Fact]
    public void Bad_batch_sizes_are_refused()
    {
        using var data = Samples.Numbered(6);
        data.Invoking(d => d.Batches(0)).Should().Throw<ArgumentOutOfRangeException>();
        data.Invoking(d => d.Batches(7, dropLast: true)).Should().Throw<ArgumentException>().WithMessage("*batch of 7*Found 6*");
    }

    [Fact]
    public void A_batch_moves_to_a_device()
    {
        using var data = MultiTaskDataset.FromArrays(new float[2, 1], [("a", new float[2])], [("a", new float[2])]);
        using var scope = NewDisposeScope();
        var part = data.Batches(2).Epoch(0).Single().To(META).Parts.Single();
        new[] { part.Inputs.Single, part.Targets["a"], part.Weights["a"] }.Should().OnlyContain(t => t.device_type == DeviceType.META);
    }

    /// <summary>Computed apart from this code, by a few lines of Python.</summary>
    private static readonly int[] GoldenOrder = [6, 1, 5, 0, 4, 7, 2, 3];
}
