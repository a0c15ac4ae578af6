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

            Differentiate(sequence.Current);
        }
    }

    /// <summary>The scalar of losses whose values may be known.</summary>
    private protected virtual Tensor ScalarOf(MicroBatchLosses batch) => Scalarize(batch.Losses);

    /// <summary>Where shares differ, each loss's graph gets its share × ∂scalar/∂loss; what the method learns, the mean share.</summary>
    private void Differentiate(MicroBatchLosses batch)
    {
        var first = batch.Shares[batch.Losses.Tasks[0]];
        if (batch.Losses.Tasks.All(task => batch.Shares[task] == first))
        {
            var scalar = ScalarOf(batch);
            (first == 1 ? scalar : scalar * first).backward();
            return;
        }

        var losses = batch.Losses.Map((_, loss) => loss.detach().requires_grad_());
        (Scalarize(losses) * batch.MeanShare).backward();
        batch.Losses
            .Select(l => l.Value * (losses[l.Task].grad ?? zeros_like(l.Value)) * (batch.Shares[l.Task] / batch.MeanShare))
            .Aggregate((sum, next) => sum + next)
            .backward();
    }
}
