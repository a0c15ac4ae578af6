namespace MultiTask.Data;

/// <summary>
/// Reads each of several sources as one endless sequence of batches, epoch after epoch, from a given position in it.
/// </summary>
internal sealed class CyclingReaders(IReadOnlyList<BatchSource> sources, IReadOnlyList<int> batches, IReadOnlyList<long> read) : IDisposable
{
    private readonly long[] position = [.. read];
    private readonly IEnumerator<MultiTaskBatch>?[] open = new IEnumerator<MultiTaskBatch>?[sources.Count];

    /// <summary>The next batch of a source.</summary>
    public MultiTaskBatch Next(int source)
    {
        var (epoch, step) = Math.DivRem(position[source], batches[source]);
        if (step == 0)
        {
            open[source]?.Dispose();
            open[source] = null;
        }

        var reader = open[source] ??= sources[source].Epoch(checked((int)epoch), (int)step).GetEnumerator();
        if (!reader.MoveNext())
        {
            throw new InvalidOperationException(
                $"A source should have {batches[source]} batches in every epoch, as it says. Found {step} in epoch {epoch}: {sources[source].Fingerprint}.");
        }

        position[source]++;
        return reader.Current;
    }

    public void Dispose()
    {
        foreach (var reader in open)
        {
            reader?.Dispose();
        }
    }
}
