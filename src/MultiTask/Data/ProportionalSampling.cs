namespace MultiTask.Data;

/// <summary>Samples come from each source in proportion to its size: p ∝ n.</summary>
/// <remarks>
/// In an epoch of <see cref="EpochLength.SumOfBatches"/>, the default, every batch of every source is read exactly once, in a
/// random order. Large sources can drown small ones: see <see cref="TemperatureSampling"/> and <see cref="CappedProportionalSampling"/>.
/// </remarks>
public sealed class ProportionalSampling : SamplingSource
{
    /// <summary>Samples in proportion to size.</summary>
    /// <param name="sources">At least one source; each knows its numbers of batches and samples.</param>
    /// <param name="seed">The seed.</param>
    /// <param name="length">What an epoch is; the default is <see cref="EpochLength.SumOfBatches"/>.</param>
    /// <exception cref="ArgumentException">There is no source, or one has no or an unknown number of batches or samples.</exception>
    public ProportionalSampling(IEnumerable<BatchSource> sources, int seed = 0, EpochLength? length = null)
        : base(sources, length ?? EpochLength.SumOfBatches, seed)
    {
    }

    /// <inheritdoc/>
    protected override string Method => "proportional";

    /// <inheritdoc/>
    protected override double[] Shares(IReadOnlyList<long> samples) => [.. samples.Select(n => (double)n)];
}
