using MultiTask.Diagnostics;

namespace MultiTask.Data;

/// <summary>Records that become tensors batch by batch, by a function of yours: sentences padded to the longest of their batch, images that are decoded when they are needed.</summary>
/// <remarks>
/// For records whose tensors have one shape, <see cref="MultiTaskDataset.From"/> is less to write and faster to read. The function
/// is what PyTorch calls <c>collate_fn</c>:
/// <code>
/// var source = new RecordBatches&lt;Sentence>(sentences, batchSize: 32, tasks: ["pos", "entities"], collate: batch =>
///     new([Ids(batch), Mask(batch)], [("pos", Tags(batch)), ("entities", Entities(batch))]));
/// </code>
/// </remarks>
/// <typeparam name="T">The type of a record.</typeparam>
public sealed class RecordBatches<T> : BatchSource
{
    private readonly IReadOnlyList<T> records;
    private readonly BatchOrder order;
    private readonly Func<IReadOnlyList<T>, MultiTaskBatch> collate;

    /// <summary>Reads records in batches: every record once an epoch.</summary>
    /// <param name="records">The records, at least one. They should not change.</param>
    /// <param name="batchSize">Records in a batch, at least 1; the last batch of an epoch has what is left.</param>
    /// <param name="tasks">The tasks that batches may have labels of, at least one.</param>
    /// <param name="collate">
    /// Makes a batch of its records, with new tensors. The same records should give the same batch, so that an epoch can be read
    /// again.
    /// </param>
    /// <param name="shuffle">Whether each epoch has an order of its own, drawn from <paramref name="seed"/> and the epoch's number; otherwise records come in their own order.</param>
    /// <param name="seed">The seed; without effect when <paramref name="shuffle"/> is false.</param>
    /// <param name="dropLast">Whether to leave out a last batch that is smaller than <paramref name="batchSize"/>.</param>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="batchSize"/> is less than 1.</exception>
    /// <exception cref="ArgumentException">There is no record or no task, a task's name stands twice, or <paramref name="dropLast"/> would leave no batch at all.</exception>
    public RecordBatches(
        IReadOnlyList<T> records,
        int batchSize,
        IEnumerable<string> tasks,
        Func<IReadOnlyList<T>, MultiTaskBatch> collate,
        bool shuffle = true,
        int seed = 0,
        bool dropLast = false)
    {
        ArgumentNullException.ThrowIfNull(records);
        ArgumentNullException.ThrowIfNull(tasks);
        ArgumentNullException.ThrowIfNull(collate);
        Tasks = [.. tasks];
        TaskNames.Index([.. Tasks]);
        if (records.Count == 0 || Tasks.Count == 0)
        {
            throw new ArgumentException($"There should be at least one record and one task. Found {records.Count} and {Tasks.Count}.", records.Count == 0 ? nameof(records) : nameof(tasks));
        }

        (this.records, this.collate) = (records, collate);
        order = new(records.Count, batchSize, shuffle, seed, dropLast);
        Fingerprint = $"records({records.Count} of type {typeof(T).Name}, tasks {string.Join(" ", Tasks)}, {order})";
    }

    /// <inheritdoc/>
    public override IReadOnlyList<string> Tasks { get; }

    /// <inheritdoc/>
    public override int? BatchesPerEpoch => order.Batches;

    /// <inheritdoc/>
    public override long? SamplesPerEpoch => order.Samples;

    /// <inheritdoc/>
    public override string Fingerprint { get; }

    /// <inheritdoc/>
    public override IEnumerable<MultiTaskBatch> Epoch(int epoch) => Epoch(epoch, 0);

    /// <inheritdoc/>
    public override IEnumerable<MultiTaskBatch> Epoch(int epoch, int skip)
    {
        Check(epoch, skip);
        return Read(epoch, skip);
    }

    private IEnumerable<MultiTaskBatch> Read(int epoch, int skip)
    {
        var rows = order.Rows(epoch);
        foreach (var (start, length) in order.Slices(skip))
        {
            yield return collate(Array.ConvertAll(rows[start..(start + length)], row => records[(int)row]));
        }
    }
}
