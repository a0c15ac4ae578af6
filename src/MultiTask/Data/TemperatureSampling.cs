namespace MultiTask.Data;

/// <summary>Samples come from each source in proportion to a root of its size: p ∝ n^(1/T) (Devlin's multilingual BERT, 2018; Arivazhagan et al. 2019).</summary>
/// <remarks>T = 1 is <see cref="ProportionalSampling"/>; with growing T the sources become equally likely.</remarks>
public sealed class TemperatureSampling : SamplingSource
{
    private readonly double temperature;

    /// <summary>Samples in proportion to n^(1/T).</summary>
    /// <param name="sources">At least one source; each knows its numbers of batches and samples.</param>
    /// <param name="temperature">T, at least 1; the default is 2.</param>
    /// <param name="seed">The seed.</param>
    /// <param name="length">What an epoch is; the default is <see cref="EpochLength.SumOfBatches"/>.</param>
    /// <exception cref="ArgumentOutOfRangeException">The temperature is less than 1 or not finite.</exception>
    /// <exception cref="ArgumentException">There is no source, or one has no or an unknown number of batches or samples.</exception>
    public TemperatureSampling(IEnumerable<BatchSource> sources, double temperature = 2, int seed = 0, EpochLength? length = null)
        : base(sources, length ?? EpochLength.SumOfBatches, seed) =>
        this.temperature = temperature >= 1 && double.IsFinite(temperature)
            ? temperature
            : throw new ArgumentOutOfRangeException(
                nameof(temperature), FormattableString.Invariant($"The temperature should be at least 1 and finite. Found {temperature}."));

    /// <inheritdoc/>
    protected override string Method => FormattableString.Invariant($"temperature {temperature}");

    /// <inheritdoc/>
    protected override double[] Shares(IReadOnlyList<long> samples) => [.. samples.Select(n => Math.Pow(n, 1 / temperature))];
}
