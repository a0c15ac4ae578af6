using FluentAssertions;
using MultiTask.Data;
using Xunit;

namespace MultiTask.Tests.Data;

public sealed class SamplingSourceTests : IDisposable
{
    private readonly MultiTaskDataset large = Samples.Numbered(64, "large");
    private readonly MultiTaskDataset small = Samples.Numbered(4, "small", first: 100);

    public void Dispose()
    {
        large.Dispose();
        small.Dispose();
    }

    [Fact]
    public void Shares_follow_the_papers_formulas()
    {
        var equal = Sources(1, 1);
        Near(new ProportionalSampling(equal), 64 / 68.0);
        Near(new TemperatureSampling(equal, 1), 64 / 68.0);
        Near(new TemperatureSampling(equal, 2), 8 / 10.0);
        Near(new TemperatureSampling(equal, 1e9), 0.5);
        Near(new CappedProportionalSampling(equal, 12), 12 / 16.0);
        Near(new CappedProportionalSampling(equal, 1), 0.5);
        Near(new CappedProportionalSampling(equal, 1 << 19), 64 / 68.0);

        static void Near(SamplingSource source, double probability)
        {
            source.Probabilities[0].Should().BeApproximately(probability, 1e-9);
            source.Probabilities.Sum().Should().BeApproximately(1, 1e-12);
        }
    }

    [Fact]
    public void Shares_count_samples_whatever_the_batch_sizes()
    {
        var source = new TemperatureSampling(Sources(8, 2), 2);
        var rows = Enumerable.Range(0, 400).SelectMany(e => Samples.Rows(source, e)).SelectMany(r => r).ToList();
        (rows.Count(r => r < 100) / (double)rows.Count).Should().BeApproximately(0.8, 0.01);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(7)]
    [InlineData(50)]
    public void Each_epoch_has_the_expected_number_of_turns_to_within_one_and_on_average_exactly(int steps)
    {
        var source = new TemperatureSampling(Sources(1, 1), 2, seed: 3, EpochLength.Steps(steps));
        var numbers = Enumerable.Range(0, 600).Select(e => Samples.Turns(source, e).Count(t => t == "large")).ToList();
        numbers.Should().OnlyContain(n => Math.Abs(n - (0.8 * steps)) < 1);
        numbers.Average().Should().BeApproximately(0.8 * steps, 0.06);
    }

    [Fact]
    public void The_order_of_turns_is_random_and_each_place_alike()
    {
        var source = new TemperatureSampling(Sources(1, 1), 2, seed: 3, EpochLength.Steps(10));
        var turns = Enumerable.Range(0, 600).Select(e => Samples.Turns(source, e)).ToList();
        for (var place = 0; place < 10; place++)
        {
            turns.Count(t => t[place] == "large").Should().BeInRange(430, 530, "480 ± 10 is expected");
        }

        turns.Select(t => string.Concat(t.Select(c => c[0]))).Distinct().Should().HaveCountGreaterThan(40, "there are 45 orders");
    }

    [Fact]
    public void Proportional_epochs_see_every_sample_of_every_source_exactly_once()
    {
        var source = new ProportionalSampling(Sources(5, 3));
        for (var epoch = 0; epoch < 20; epoch++)
        {
            Samples.Rows(source, epoch).SelectMany(r => r).Order().Should().Equal([.. Enumerable.Range(0, 64), .. Enumerable.Range(100, 4)]);
        }
    }

    [Theory]
    [InlineData(0, 80)]
    [InlineData(1, 20)]
    [InlineData(2, 68)]
    [InlineData(3, 9)]
    public void An_epoch_has_the_length_asked_for(int length, int steps)
    {
        EpochLength[] lengths = [EpochLength.UntilLargestEnds, EpochLength.UntilSmallestEnds, EpochLength.SumOfBatches, EpochLength.Steps(9)];
        new TemperatureSampling(Sources(1, 1), 2, length: lengths[length]).BatchesPerEpoch.Should().Be(steps);
    }

    [Fact]
    public void The_seed_decides_the_order()
    {
        var turns = Samples.Turns(new TemperatureSampling(Sources(1, 1), seed: 1), 0);
        Samples.Turns(new TemperatureSampling(Sources(1, 1), seed: 1), 0).Should().Equal(turns);
        Samples.Turns(new TemperatureSampling(Sources(1, 1), seed: 2), 0).Should().NotEqual(turns);
    }

    [Fact]
    public void A_sampler_of_ones_own_is_one_function()
    {
        new Favouring(Sources(1, 1)).Probabilities.Should().Equal(0.25, 0.75);
        FluentActions.Invoking(() => new Favouring(Sources(1, 1), -1).BatchesPerEpoch)
            .Should().Throw<InvalidOperationException>().WithMessage("*2 numbers greater than 0*Found 1, -1*");
    }

    [Fact]
    public void Bad_numbers_are_refused()
    {
        FluentActions.Invoking(() => new TemperatureSampling(Sources(1, 1), 0.5)).Should().Throw<ArgumentOutOfRangeException>().WithMessage("*at least 1*Found 0.5*");
        FluentActions.Invoking(() => new TemperatureSampling(Sources(1, 1), double.NaN)).Should().Throw<ArgumentOutOfRangeException>();
        FluentActions.Invoking(() => new CappedProportionalSampling(Sources(1, 1), 0)).Should().Throw<ArgumentOutOfRangeException>();
    }

    private BatchSource[] Sources(int batchOfLarge, int batchOfSmall) => [large.Batches(batchOfLarge), small.Batches(batchOfSmall)];

    private sealed class Favouring(IEnumerable<BatchSource> sources, double second = 3) : SamplingSource(sources, EpochLength.SumOfBatches, 0)
    {
        protected override string Method => "favouring the second";

        protected override double[] Shares(IReadOnlyList<long> samples) => [1, second];
    }
}
