namespace MultiTask.Data;

/// <summary>Several sources read as one: multi-input learning, where each task has data, sizes and batch sizes of its own.</summary>
/// <remarks>
/// The kinds are <see cref="Together"/>, one batch of every source in every step, and the <see cref="InterleavedSource"/>s, one
/// source in every step. <see cref="EpochLength"/> says what an epoch is. Sources may be combined sources themselves; two
/// sources may have labels of the same task.
/// </remarks>
public abstract class CombinedSource : BatchSource
{
    private protected CombinedSource(IEnumerable<BatchSource> sources, EpochLength length)
    {
        ArgumentNullException.ThrowIfNull(sources);
        ArgumentNullException.ThrowIfNull(length);
        Sources = [.. sources];
        Length = length;
        if (Sources.Count == 0)
        {
            throw new ArgumentException("There should be at least one source to combine. Found none.", nameof(sources));
        }

        Batches = [.. Sources.Select(Counted)];
        Tasks = [.. Sources.SelectMany(s => s.Tasks).Distinct(StringComparer.Ordinal)];
    }

    /// <summary>The sources, at least one, in order.</summary>
    public IReadOnlyList<BatchSource> Sources { get; }

    /// <summary>What an epoch is.</summary>
    public EpochLength Length { get; }

    /// <inheritdoc/>
    public override IReadOnlyList<string> Tasks { get; }

    /// <inheritdoc/>
    public sealed override string Fingerprint => $"{Kind}({Length}; {string.Join("; ", Sources.Select(s => s.Fingerprint))})";

    /// <summary>The number of batches in an epoch of each source.</summary>
    private protected IReadOnlyList<int> Batches { get; }

    /// <summary>The sampler and its numbers, for the fingerprint.</summary>
    private protected abstract string Kind { get; }

    /// <inheritdoc/>
    public sealed override IEnumerable<MultiTaskBatch> Epoch(int epoch) => Epoch(epoch, 0);

    /// <inheritdoc/>
    public sealed override IEnumerable<MultiTaskBatch> Epoch(int epoch, int skip)
    {
        Check(epoch, skip);
        return Read(epoch, skip);
    }

    /// <summary>The batches of an epoch; arguments are valid.</summary>
    private protected abstract IEnumerable<MultiTaskBatch> Read(int epoch, int skip);

    /// <summary>Readers of the sources.</summary>
    /// <param name="read">How many batches of each source have been read since the first epoch began.</param>
    private protected CyclingReaders Readers(IReadOnlyList<long> read) => new(Sources, Batches, read);

    private static int Counted(BatchSource source, int position) => source.BatchesPerEpoch switch
    {
        null => throw new ArgumentException($"Sources should know their number of batches to be combined. Found one that does not: {source.Fingerprint}."),
        < 1 => throw new ArgumentException($"Sources should have at least one batch. Found none in source {position}: {source.Fingerprint}."),
        { } batches => batches,
    };
}
