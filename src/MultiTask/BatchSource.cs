using static TorchSharp.torch;

namespace MultiTask;

/// <summary>What training reads: batches, epoch by epoch.</summary>
/// <remarks>
/// <para>
/// <b>An epoch is a pure function of its number.</b> <see cref="Epoch(int)"/> called twice with the same number yields the
/// same batches in the same order, bit for bit, no matter what was read before or in between. Randomness comes from a seed
/// of the source's own and the epoch's number; the global generator is neither read nor seeded. Therefore the whole state
/// of a source is (epoch, step): a stopped run is resumed by <see cref="Epoch(int, int)"/>, and a checkpoint stores nothing
/// of a source but its <see cref="Fingerprint"/>.
/// </para>
/// <para>
/// <b>Whose tensors.</b> A consumer calls <c>MoveNext</c> inside a dispose scope that it closes after the step. A batch's
/// tensors are made during that call, so that they go with the scope, and changing them in place changes no later batch.
/// A tensor that an implementation keeps from one <c>MoveNext</c> to the next is detached from dispose scopes and disposed
/// in the iterator's <c>finally</c> (or by <c>using</c>). Consumers dispose the enumerator, as <c>foreach</c> does.
/// </para>
/// <para>Several enumerations may be open at once; one enumeration stays on one thread.</para>
/// </remarks>
public abstract class BatchSource
{
    /// <summary>The tasks that batches may have labels of, each once. A single batch may lack any of them.</summary>
    public abstract IReadOnlyList<string> Tasks { get; }

    /// <summary>The number of batches in each epoch, the same for all epochs; <c>null</c> where it is not known beforehand.</summary>
    public abstract int? BatchesPerEpoch { get; }

    /// <summary>
    /// The number of samples in an epoch, for samplers that go by size; <c>null</c>, the default, where it is not known beforehand.
    /// </summary>
    public virtual long? SamplesPerEpoch => null;

    /// <summary>
    /// Kind, sizes, batch size and seed in one line. Two sources with the same fingerprint over the same data yield the same
    /// batches; a checkpoint stores it and refuses to go on with a source that has another. A data set's has a checksum of its
    /// values; the device is not part of it.
    /// </summary>
    public abstract string Fingerprint { get; }

    /// <summary>The batches of an epoch: a pure function of <paramref name="epoch"/>, see the type's remarks.</summary>
    /// <param name="epoch">The epoch's number, from 0.</param>
    public abstract IEnumerable<MultiTaskBatch> Epoch(int epoch);

    /// <summary>The batches of an epoch after the first few, for resuming within it.</summary>
    /// <remarks>The default makes the skipped batches and disposes them; a source that can count overrides it.</remarks>
    /// <param name="epoch">The epoch's number, from 0.</param>
    /// <param name="skip">How many batches to pass over, from 0 to the number of batches in the epoch.</param>
    /// <exception cref="ArgumentOutOfRangeException">A number is negative, or the epoch has fewer batches than should be skipped.</exception>
    public virtual IEnumerable<MultiTaskBatch> Epoch(int epoch, int skip)
    {
        Check(epoch, skip);
        return After(skip, Epoch(epoch));
    }

    /// <inheritdoc/>
    public override string ToString() => Fingerprint;

    private protected void Check(int epoch, int skip)
    {
        ArgumentOutOfRangeException.ThrowIfNegative(epoch);
        ArgumentOutOfRangeException.ThrowIfNegative(skip);
        if (skip > (BatchesPerEpoch ?? int.MaxValue))
        {
            throw new ArgumentOutOfRangeException(nameof(skip), $"An epoch has {BatchesPerEpoch} batches. Found {skip} to skip.");
        }
    }

    private static IEnumerable<MultiTaskBatch> After(int skip, IEnumerable<MultiTaskBatch> epoch)
    {
        using var batches = epoch.GetEnumerator();
        for (var i = 0; i < skip; i++)
        {
            using var scope = NewDisposeScope();
            if (!batches.MoveNext())
            {
                throw new ArgumentOutOfRangeException(nameof(skip), $"The epoch has {i} batches. Found {skip} to skip.");
            }
        }

        while (batches.MoveNext())
        {
            yield return batches.Current;
        }
    }
}
