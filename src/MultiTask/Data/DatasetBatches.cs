using static TorchSharp.torch;

namespace MultiTask.Data;

/// <summary>A data set read in batches, in its own order or in one drawn from a seed and the epoch's number.</summary>
internal sealed class DatasetBatches : BatchSource
{
    private readonly MultiTaskDataset dataset;
    private readonly int batchSize;
    private readonly bool shuffle;
    private readonly int seed;
    private readonly long samples;
    private readonly int batches;

    public DatasetBatches(MultiTaskDataset dataset, int batchSize, bool shuffle, int seed, bool dropLast)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(batchSize, 1);
        var (full, rest) = Math.DivRem(dataset.Count, batchSize);
        if (dropLast && full == 0)
        {
            throw new ArgumentException(
                $"There should be enough samples for one batch of {batchSize}, because smaller ones are dropped. Found {dataset.Count}.",
                nameof(batchSize));
        }

        (this.dataset, this.batchSize, this.shuffle, this.seed) = (dataset, batchSize, shuffle, seed);
        samples = dropLast ? (long)full * batchSize : dataset.Count;
        batches = dropLast || rest == 0 ? full : full + 1;
        Fingerprint = $"dataset({Description()})";
    }

    public override IReadOnlyList<string> Tasks => dataset.Tasks;

    public override int? BatchesPerEpoch => batches;

    public override long? SamplesPerEpoch => samples;

    public override string Fingerprint { get; }

    public override IEnumerable<MultiTaskBatch> Epoch(int epoch) => Epoch(epoch, 0);

    public override IEnumerable<MultiTaskBatch> Epoch(int epoch, int skip)
    {
        Check(epoch, skip);
        return Read(epoch, skip);
    }

    private IEnumerable<MultiTaskBatch> Read(int epoch, int skip)
    {
        using var order = Order(epoch);
        for (var start = (long)skip * batchSize; start < samples; start += batchSize)
        {
            yield return dataset.Gather(order, start, Math.Min(batchSize, samples - start));
        }
    }

    /// <summary>The rows in the epoch's order, detached from dispose scopes because it is kept from batch to batch.</summary>
    private Tensor Order(int epoch)
    {
        if (!shuffle)
        {
            return arange(dataset.Count, dtype: ScalarType.Int64, device: dataset.Device).DetachFromDisposeScope();
        }

        var rows = new long[dataset.Count];
        for (var i = 0; i < rows.Length; i++)
        {
            rows[i] = i;
        }

        new RandomStream(seed, epoch).Shuffle<long>(rows);
        return tensor(rows, device: dataset.Device).DetachFromDisposeScope();
    }

    private string Description()
    {
        var inputs = string.Join(" ", dataset.Inputs.Select(Kind));
        var targets = string.Join(" ", dataset.Targets.Select(t => $"{t.Task}:{Kind(t.Value)}"));
        var order = shuffle ? $"shuffled with seed {seed}" : "in order";
        return $"{dataset.Count} samples, inputs {inputs}, targets {targets}, {samples} in batches of {batchSize}, {order}";
    }

    private static string Kind(Tensor tensor) => $"{tensor.dtype}{Shape.Text(tensor.shape[1..])}";
}
