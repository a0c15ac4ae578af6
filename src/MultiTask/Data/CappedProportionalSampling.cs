namespace MultiTask.Data;

/// <summary>
/// Examples-proportional mixing with a limit: samples come from each source in proportion to its size, counted up to a cap:
/// p ∝ min(n, K) (Raffel et al. 2020, "Exploring the limits of transfer learning with a unified text-to-text transformer", section 3.5.2).
/// </summary>
public sealed class CappedProportionalSampling : SamplingSource
{
    private readonly long cap;

    /// <summary>Samples in proportion to min(n, K).</summary>
    /// <param name="sources">At least one source; each knows its numbers of batches and samples.</param>
    /// <param name="cap">K, the number of samples from which on a source counts as no larger, at least 1. The paper tries 2^16 to 2^21.</param>
    /// <param name="seed">The seed.</param>
    /// <param name="length">What an epoch is; the default is <see cref="EpochLength.SumOfBatches"/>.</param>
    /// <exception cref="ArgumentOutOfRangeException">The cap is less than 1.</exception>
    /// <exception cref="ArgumentException">There is no source, or one has no or an unknown number of batches or samples.</exception>
    public CappedProportionalSampling(IEnumerable<BatchSource> sources, long cap, int seed = 0, EpochLength? length = null)
        : base(sources, length ?? EpochLength.SumOfBatches, seed)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(cap, 1);
        this.cap = cap;
    }

    /// <inheritdoc/>
    protected override string Method => $"proportional up to {cap}";

    /// <inheritdoc/>
    protected override double[] Shares(IReadOnlyList<long> samples) => [.. samples.Select(n => (double)Math.Min(n, cap))];
}
