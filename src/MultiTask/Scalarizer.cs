using static TorchSharp.torch;

namespace MultiTask;

/// <summary>A balancer that makes one scalar of the losses: one backward pass.</summary>
public abstract class Scalarizer : Balancer
{
    /// <summary>A scalarizer.</summary>
    /// <param name="name">The module's name, usually the class's.</param>
    protected Scalarizer(string name)
        : base(name)
    {
    }

    /// <summary>One scalar of the losses.</summary>
    /// <param name="losses">One scalar for each task of the batch, at least one.</param>
    /// <returns>A scalar that depends on the losses and on what the method learns.</returns>
    public abstract Tensor Scalarize(TaskMap<Tensor> losses);

    /// <inheritdoc/>
    protected internal sealed override void Differentiate(IEnumerable<MicroBatchLosses> microBatches, IReadOnlyList<Tensor> shared)
    {
        ArgumentNullException.ThrowIfNull(microBatches);
        using var sequence = microBatches.GetEnumerator();
        while (true)
        {
            using var scope = NewDisposeScope();
            if (!sequence.MoveNext())
            {
                return;
            }

            var scalar = Scalarize(sequence.Current.Losses);
            var share = sequence.Current.MeanShare;
            (share == 1 ? scalar : scalar * share).backward();
        }
    }
}
