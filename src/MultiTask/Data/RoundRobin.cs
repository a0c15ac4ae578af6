namespace MultiTask.Data;

/// <summary>The sources take turns in a fixed order, one a step: the first, the second, …, the last, the first again.</summary>
/// <remarks>
/// An epoch <see cref="EpochLength.UntilLargestEnds"/> or <see cref="EpochLength.UntilSmallestEnds"/> consists of whole rounds.
/// After an epoch of another length the next one goes on with the source whose turn it is.
/// </remarks>
public sealed class RoundRobin : InterleavedSource
{
    /// <summary>Takes the sources in turns.</summary>
    /// <param name="sources">At least one source; each knows its number of batches.</param>
    /// <param name="length">What an epoch is; the default is <see cref="EpochLength.UntilLargestEnds"/>.</param>
    /// <exception cref="ArgumentException">There is no source, or one has no or an unknown number of batches.</exception>
    public RoundRobin(IEnumerable<BatchSource> sources, EpochLength? length = null)
        : base(sources, length ?? EpochLength.UntilLargestEnds) =>
        BatchesPerEpoch = Length.Of(Batches, [.. Batches.Select(_ => 1.0 / Batches.Count)]);

    /// <inheritdoc/>
    public override int? BatchesPerEpoch { get; }

    private protected override string Kind => "round robin";

    private protected override int[] Turns(int epoch)
    {
        var begin = StepsBefore(epoch);
        return [.. Enumerable.Range(0, BatchesPerEpoch!.Value).Select(step => (int)((begin + step) % Sources.Count))];
    }

    private protected override long[] ReadBefore(int epoch)
    {
        var (rounds, rest) = Math.DivRem(StepsBefore(epoch), Sources.Count);
        return [.. Enumerable.Range(0, Sources.Count).Select(source => rounds + (source < rest ? 1 : 0))];
    }

    private long StepsBefore(int epoch) => (long)epoch * BatchesPerEpoch!.Value;
}
