namespace MultiTask.Data;

/// <summary>Every step reads one batch of every source: all tasks have labels in every step, as gradient balancing wants.</summary>
/// <remarks>Each source's batch becomes a <see cref="BatchPart"/> of its own, so sources may differ in input shapes and batch sizes.</remarks>
public sealed class Together : CombinedSource
{
    /// <summary>Reads one batch of every source in every step.</summary>
    /// <param name="sources">At least one source; each knows its number of batches.</param>
    /// <param name="length">What an epoch is; the default is <see cref="EpochLength.UntilLargestEnds"/>.</param>
    /// <exception cref="ArgumentException">There is no source, or one has no or an unknown number of batches.</exception>
    public Together(IEnumerable<BatchSource> sources, EpochLength? length = null)
        : base(sources, length ?? EpochLength.UntilLargestEnds) =>
        BatchesPerEpoch = Length.Of(Batches, [.. Batches.Select(_ => 1.0)]);

    /// <inheritdoc/>
    public override int? BatchesPerEpoch { get; }

    private protected override string Kind => "together";

    private protected override IEnumerable<MultiTaskBatch> Read(int epoch, int skip)
    {
        var steps = BatchesPerEpoch!.Value;
        using var readers = Readers([.. Sources.Select(_ => ((long)epoch * steps) + skip)]);
        for (var step = skip; step < steps; step++)
        {
            yield return new MultiTaskBatch(Enumerable.Range(0, Sources.Count).SelectMany(s => readers.Next(s).Parts));
        }
    }
}
