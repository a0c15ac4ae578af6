using MultiTask.Diagnostics;
using static TorchSharp.torch;

namespace MultiTask.Data;

/// <summary>A data set read in batches.</summary>
internal sealed class DatasetBatches : BatchSource
{
    private readonly MultiTaskDataset dataset;
    private readonly BatchOrder order;

    public DatasetBatches(MultiTaskDataset dataset, BatchOrder order)
    {
        (this.dataset, this.order) = (dataset, order);
        var inputs = string.Join(" ", dataset.Inputs.Select(Kind));
        var targets = string.Join(" ", dataset.Targets.Select(t => $"{t.Task}:{Kind(t.Value)}"));
        Fingerprint = $"dataset({dataset.Count} samples, inputs {inputs}, targets {targets}, {order})";
    }

    public override IReadOnlyList<string> Tasks => dataset.Tasks;

    public override int? BatchesPerEpoch => order.Batches;

    public override long? SamplesPerEpoch => order.Samples;

    public override string Fingerprint { get; }

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

    private static string Kind(Tensor tensor) => $"{tensor.dtype}{Shape.Text(tensor.shape[1..])}";
}
