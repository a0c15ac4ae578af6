namespace MultiTask.Data;

/// <summary>Which samples each batch of an epoch has, and in which order: the data set's own, or one drawn from a seed and the epoch's number.</summary>
internal sealed class BatchOrder
{
    private readonly int count;
    private readonly int batchSize;
    private readonly bool shuffle;
    private readonly int seed;

    public BatchOrder(int count, int batchSize, bool shuffle, int seed, bool dropLast)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(batchSize, 1);
        var (full, rest) = Math.DivRem(count, batchSize);
        if (dropLast && full == 0)
        {
            throw new ArgumentException(
                $"There should be enough samples for one batch of {batchSize}, because smaller ones are dropped. Found {count}.",
                nameof(batchSize));
        }

        (this.count, this.batchSize, this.shuffle, this.seed) = (count, batchSize, shuffle, seed);
        Samples = dropLast ? full * batchSize : count;
        Batches = dropLast || rest == 0 ? full : full + 1;
    }

    /// <summary>The number of batches in an epoch.</summary>
    public int Batches { get; }

    /// <summary>The number of samples in an epoch.</summary>
    public int Samples { get; }

    /// <summary>The numbers of all samples, in the order of an epoch.</summary>
    public long[] Rows(int epoch)
    {
        var rows = new long[count];
        for (var i = 0; i < rows.Length; i++)
        {
            rows[i] = i;
        }

        if (shuffle)
        {
            new RandomStream(seed, epoch).Shuffle<long>(rows);
        }

        return rows;
    }

    /// <summary>Where the batches of an epoch begin and how long they are, after the first few.</summary>
    public IEnumerable<(int Start, int Length)> Slices(int skip)
    {
        for (var start = skip * batchSize; start < Samples; start += batchSize)
        {
            yield return (start, Math.Min(batchSize, Samples - start));
        }
    }

    /// <summary>For fingerprints.</summary>
    public override string ToString() => $"{Samples} in batches of {batchSize}, {(shuffle ? $"shuffled with seed {seed}" : "in order")}";
}
