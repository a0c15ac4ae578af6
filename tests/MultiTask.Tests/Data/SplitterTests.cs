using FluentAssertions;
using MultiTask.Data;
using Xunit;

namespace MultiTask.Tests.Data;

public class SplitterTests
{
    public static TheoryData<string> Kinds => ["random", "stratified", "grouped"];

    [Theory]
    [MemberData(nameof(Kinds))]
    public void Parts_are_disjoint_cover_all_rows_and_depend_on_the_seed_alone(string kind)
    {
        var parts = Make(kind, 5).Parts(200, 0.7, 0.15, 0.15);
        parts.SelectMany(p => p).Order().Should().Equal(Enumerable.Range(0, 200));
        parts.Should().OnlyContain(p => p.SequenceEqual(p.Order()));
        Make(kind, 5).Parts(200, 0.7, 0.15, 0.15).Should().BeEquivalentTo(parts, o => o.WithStrictOrdering());
        Make(kind, 6).Parts(200, 0.7, 0.15, 0.15)[1].Should().NotEqual(parts[1]);
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void Each_row_is_held_out_in_exactly_one_fold(string kind)
    {
        var folds = Make(kind, 1).Folds(200, 7);
        folds.Should().HaveCount(7);
        folds.SelectMany(f => f.Validation).Order().Should().Equal(Enumerable.Range(0, 200));
        foreach (var (train, validation) in folds)
        {
            train.Concat(validation).Order().Should().Equal(Enumerable.Range(0, 200));
        }
    }

    [Theory]
    [InlineData(100, 0.8, 80)]
    [InlineData(101, 0.5, 50)]
    [InlineData(3, 0.4, 1)]
    [InlineData(2, 0.5, 1)]
    public void Random_parts_have_their_sizes(int count, double train, int expected)
    {
        var parts = Splitter.Random().Parts(count, train, 1 - train);
        parts[0].Length.Should().BeInRange(expected, expected + 1);
    }

    [Fact]
    public void Every_row_is_as_likely_to_be_tested_on()
    {
        var times = new int[10];
        for (var seed = 0; seed < 2000; seed++)
        {
            foreach (var row in Splitter.Random(seed).Parts(10, 0.7, 0.3)[1])
            {
                times[row]++;
            }
        }

        times.Should().OnlyContain(t => Math.Abs(t - 600) < 100, "600 ± 20 is expected of each");
    }

    [Fact]
    public void Strata_have_the_same_share_in_every_part()
    {
        var random = new Random(0);
        var keys = Enumerable.Range(0, 1000).Select(_ => random.Next(10) switch { < 7 => "common", < 9 => "some", _ => "rare" }).ToArray();
        foreach (var part in Splitter.Stratified(keys, 3).Parts(1000, 0.6, 0.3, 0.1).Zip([0.6, 0.3, 0.1]))
        {
            foreach (var stratum in keys.CountBy(k => k))
            {
                part.First.Count(row => keys[row] == stratum.Key).Should().BeInRange(
                    (int)(stratum.Value * part.Second) - 2, (int)(stratum.Value * part.Second) + 2);
            }
        }
    }

    [Fact]
    public void Classes_of_a_task_stratify_and_missing_ones_are_a_class()
    {
        var classes = Enumerable.Range(0, 90).Select(i => (i % 3) switch { 0 => (long?)null, 1 => 1, _ => 2 }).ToArray();
        var binary = classes.Select(c => (float?)(c - 1)).ToArray();
        using var data = MultiTaskDataset.FromArrays(new float[90, 1], [("c", classes), ("b", binary), ("v", new float[90, 2]), ("r", Enumerable.Repeat(0.5f, 90).ToArray())]);
        foreach (var task in new[] { "c", "b" })
        {
            var (train, test) = data.Split(0.5, Splitter.Stratified(data, task, 2));
            train.LabelCounts["c"].Should().Be(30);
            MissingLabels.Count(test.Targets["c"]).Should().Be(30);
            Samples.Doubles(test.Targets["c"]).CountBy(c => c).Should().OnlyContain(c => c.Value == 15);
            train.Dispose();
            test.Dispose();
        }

        FluentActions.Invoking(() => Splitter.Stratified(data, "v")).Should().Throw<ArgumentException>().WithMessage("*'v'*[90, 2]*");
        FluentActions.Invoking(() => Splitter.Stratified(data, "r")).Should().Throw<ArgumentException>().WithMessage("*'r'*fractions*");
        FluentActions.Invoking(() => Splitter.Stratified(data, "x")).Should().Throw<KeyNotFoundException>().WithMessage("*'x'*'c'*");
    }

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(2)]
    public void Groups_stay_together(int seed)
    {
        var random = new Random(seed);
        var keys = Enumerable.Range(0, 1000).Select(_ => random.Next(60)).ToArray();
        var parts = Splitter.Grouped(keys, seed).Parts(1000, 0.6, 0.2, 0.2);
        parts.SelectMany(p => p.Select(row => keys[row]).Distinct()).Should().OnlyHaveUniqueItems();
        parts.Zip([600, 200, 200]).Should().OnlyContain(p => Math.Abs(p.First.Length - p.Second) <= 30);
        foreach (var (train, validation) in Splitter.Grouped(keys, seed).Folds(1000, 5))
        {
            train.Select(row => keys[row]).Intersect(validation.Select(row => keys[row])).Should().BeEmpty();
            validation.Length.Should().BeInRange(170, 230);
        }
    }

    [Fact]
    public void A_data_set_splits_into_copies() => Leaks.NoneIn(() =>
    {
        using var data = Samples.Numbered(20);
        var (train, validation, test) = data.Split(0.5, 0.25);
        using (train)
        using (validation)
        using (test)
        {
            new[] { train.Count, validation.Count, test.Count }.Should().Equal(10, 5, 5);
            new[] { train, validation, test }.SelectMany(d => Samples.Ints(d.Targets["a"])).Order().Should().Equal(Enumerable.Range(0, 20));
        }

        foreach (var fold in data.Folds(4))
        {
            fold.Train.Count.Should().Be(15);
            fold.Validation.Count.Should().Be(5);
            fold.Train.Dispose();
            fold.Validation.Dispose();
        }
    });

    [Fact]
    public void Bad_divisions_are_refused()
    {
        var random = Splitter.Random();
        Refused(() => random.Parts(10, 0.5, 0.4), "*sum 1*Found 0.5, 0.4*");
        Refused(() => random.Parts(10, 1.5, -0.5), "*greater than 0*");
        Refused(() => random.Parts(2, 0.9, 0.05, 0.05), "*Found 2 rows*");
        Refused(() => random.Folds(10, 1), "*");
        Refused(() => random.Folds(3, 4), "*Found 3 rows*part 3*");
        Refused(() => Splitter.Stratified([1, 2, 3]).Parts(4, 0.5, 0.5), "*4 rows*Found 3 keys*");
        Refused(() => Splitter.Grouped([1, 1, 1, 1]).Parts(4, 0.5, 0.5), "*groups too large*part 1*");
        using var data = Samples.Numbered(5);
        Refused(() => data.Split(1), "*greater than 0*");
        Refused(() => data.Split(double.NaN), "*greater than 0*");
    }

    private static Splitter Make(string kind, int seed) => kind switch
    {
        "random" => Splitter.Random(seed),
        "stratified" => Splitter.Stratified(Enumerable.Range(0, 200).Select(i => i % 7), seed),
        _ => Splitter.Grouped(Enumerable.Range(0, 200).Select(i => $"group {i % 50}"), seed),
    };

    private static void Refused(Func<object> divide, string message) => divide.Should().Throw<ArgumentException>().WithMessage(message);
}
