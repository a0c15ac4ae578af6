namespace MultiTask.Data;

/// <summary>Every step reads a batch of one source: the tasks take turns.</summary>
public abstract class InterleavedSource : CombinedSource
{
    private protected InterleavedSource(IEnumerable<BatchSource> sources, EpochLength length)
        : base(sources, length)
    {
    }

    /// <summary>The source of each step of an epoch.</summary>
    private protected abstract int[] Turns(int epoch);

    /// <summary>How many batches of each source all epochs before this one read.</summary>
    private protected abstract long[] ReadBefore(int epoch);

    private protected sealed override IEnumerable<MultiTaskBatch> Read(int epoch, int skip)
    {
        var turns = Turns(epoch);
        var read = ReadBefore(epoch);
        foreach (var source in turns.AsSpan(0, skip))
        {
            read[source]++;
        }

        using var readers = Readers(read);
        for (var step = skip; step < turns.Length; step++)
        {
            yield return readers.Next(turns[step]);
        }
    }
}
