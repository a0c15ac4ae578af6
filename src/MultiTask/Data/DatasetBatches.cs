using System.Security.Cryptography;
using MultiTask.Diagnostics;
using static TorchSharp.torch;

namespace MultiTask.Data;

/// <summary>A data set read in batches.</summary>
internal sealed class DatasetBatches : BatchSource
{
    private const long PieceSize = 1 << 24;
    private readonly MultiTaskDataset dataset;
    private readonly BatchOrder order;
    private readonly Lazy<string> fingerprint;

    public DatasetBatches(MultiTaskDataset dataset, BatchOrder order)
    {
        (this.dataset, this.order) = (dataset, order);
        fingerprint = new(Describe);
    }

    public override IReadOnlyList<string> Tasks => dataset.Tasks;

    public override int? BatchesPerEpoch => order.Batches;

    public override long? SamplesPerEpoch => order.Samples;

    public override string Fingerprint => fingerprint.Value;

    public override IEnumerable<MultiTaskBatch> Epoch(int epoch) => Epoch(epoch, 0);

    public override IEnumerable<MultiTaskBatch> Epoch(int epoch, int skip)
    {
        Check(epoch, skip);
        return Read(epoch, skip);
    }

    private IEnumerable<MultiTaskBatch> Read(int epoch, int skip)
    {
        // Detached from dispose scopes because it is kept from batch to batch.
        using var rows = tensor(order.Rows(epoch), device: dataset.Device).DetachFromDisposeScope();
        foreach (var (start, length) in order.Slices(skip))
        {
            yield return dataset.Gather(rows, start, length);
        }
    }

    private string Describe()
    {
        var inputs = string.Join(" ", dataset.Inputs.Select(Kind));
        var targets = string.Join(" ", dataset.Targets.Select(t => $"{t.Task}:{Kind(t.Value)}"));
        return $"dataset({dataset.Count} samples, inputs {inputs}, targets {targets}, checksum {Checksum()}, {order})";
    }

    /// <summary>A hash of all values, read in pieces of some megabytes.</summary>
    private string Checksum()
    {
        using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
        foreach (var values in dataset.Inputs.Concat(dataset.Targets.Values).Concat(dataset.Weights.Values))
        {
            var rows = Math.Max(1, PieceSize * values.size(0) / Math.Max(1, values.numel() * values.element_size()));
            for (var start = 0L; start < values.size(0); start += rows)
            {
                using var scope = NewDisposeScope();
                hash.AppendData(values.narrow(0, start, Math.Min(rows, values.size(0) - start)).cpu().contiguous().bytes);
            }
        }

        return Convert.ToHexStringLower(hash.GetHashAndReset().AsSpan(0, 8));
    }

    private static string Kind(Tensor tensor) => $"{tensor.dtype}{Shape.Text(tensor.shape[1..])}";
}
