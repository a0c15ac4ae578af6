using MultiTask.Numerics;
using static TorchSharp.torch;

namespace MultiTask.Balancing;

/// <summary>Gathers the rows of a Jacobian, micro-batch by micro-batch, through the leaves' <c>.grad</c>.</summary>
/// <remarks>
/// Each loss is differentiated by itself: the leaves' own gradients are set aside, <c>backward</c> fills new ones, and
/// those are copied into the loss's row. <c>autograd.grad</c> would end the process on an error; <c>backward</c> throws.
/// </remarks>
internal sealed class JacobianRows
{
    private readonly IReadOnlyList<Tensor> leaves;
    private readonly bool othersToo;
    private readonly bool[] reached;
    private readonly long[] sizes;
    private readonly ScalarType dtype;
    private readonly OrderedDictionary<string, double> losses = new(StringComparer.Ordinal);
    private readonly HashSet<int> written = [];
    private Tensor? matrix;
    private bool isDirect;

    /// <param name="leaves">Distinct leaves that require gradients.</param>
    /// <param name="othersToo">Whether leaves beside these get their gradient in <c>.grad</c> as well.</param>
    public JacobianRows(IReadOnlyList<Tensor> leaves, bool othersToo)
    {
        this.leaves = leaves;
        this.othersToo = othersToo;
        reached = new bool[leaves.Count];
        sizes = [.. leaves.Select(leaf => leaf.numel())];
        dtype = leaves.Select(leaf => leaf.dtype).DefaultIfEmpty(ScalarType.Float32).Aggregate(promote_types);
    }

    /// <summary>Adds share × gradient of each loss to its row. Call inside a dispose scope of its own.</summary>
    public void Add(MicroBatchLosses batch, bool retainGraph)
    {
        Prepare(batch);
        if (leaves.Count == 0 && !othersToo)
        {
            return; // backward takes no inputs to mean all inputs
        }

        var own = leaves.Select(leaf => leaf.grad).ToArray();
        try
        {
            for (var i = 0; i < batch.Losses.Count; i++)
            {
                var task = batch.Losses.Tasks[i];
                var loss = batch.Losses.Values[i];
                var share = batch.Shares[task];
                foreach (var leaf in leaves)
                {
                    leaf.grad = null;
                }

                (share == 1 ? loss : loss * share).backward(
                    retain_graph: retainGraph || i + 1 < batch.Losses.Count,
                    inputs: othersToo ? null : [.. leaves]);
                Collect(losses.IndexOf(task));
            }
        }
        finally
        {
            for (var k = 0; k < leaves.Count; k++)
            {
                leaves[k].grad = own[k];
            }
        }
    }

    /// <summary>Adds the rows of other micro-batches of the same batch. Call inside a dispose scope of its own.</summary>
    public void Add(JacobianRows other)
    {
        Grow(other.losses.Keys);
        for (var i = 0; i < other.losses.Count; i++)
        {
            var (task, value) = other.losses.GetAt(i);
            losses[task] += value;
            if (other.written.Contains(i))
            {
                Put(matrix![losses.IndexOf(task)], other.matrix![i], isFirst: written.Add(losses.IndexOf(task)));
            }
        }

        for (var k = 0; k < reached.Length; k++)
        {
            reached[k] |= other.reached[k];
        }
    }

    /// <summary>
    /// Differentiates Σ share × loss for the sake of other leaves. Of these leaves it notes which were reached; what
    /// they would get is dropped. Call inside a dispose scope of its own.
    /// </summary>
    public void AddOthers(MicroBatchLosses batch, bool retainGraph)
    {
        var own = leaves.Select(leaf => leaf.grad).ToArray();
        try
        {
            foreach (var leaf in leaves)
            {
                leaf.grad = null;
            }

            batch.Weighted(batch.Losses.Map((_, _) => 1.0)).backward(retain_graph: retainGraph);
            for (var k = 0; k < leaves.Count; k++)
            {
                reached[k] |= leaves[k].grad is not null;
            }
        }
        finally
        {
            for (var k = 0; k < leaves.Count; k++)
            {
                leaves[k].grad = own[k];
            }
        }
    }

    public Jacobian ToJacobian()
    {
        for (var i = 0; i < losses.Count; i++)
        {
            if (written.Add(i))
            {
                matrix![i].zero_();
            }
        }

        return new(matrix!, TaskMap.Create(losses.Select(l => (l.Key, l.Value))));
    }

    /// <summary>Accumulates a gradient, <c>[n]</c>, onto the <c>.grad</c> of the leaves that a loss has reached.</summary>
    /// <param name="gradient">Its parts become gradients, which others will zero and add to: nobody else may hold it.</param>
    public void Write(Tensor gradient)
    {
        var parts = gradient.detach().split(sizes);
        for (var k = 0; k < leaves.Count; k++)
        {
            if (!reached[k])
            {
                continue;
            }

            var leaf = leaves[k];
            var part = parts[k].view_as(leaf);
            part = leaf.dtype == part.dtype ? part : part.to(leaf.dtype);
            if (leaf.grad is { is_sparse: false } present)
            {
                present.add_(part);
            }
            else
            {
                leaf.grad = leaf.grad is { } sparse ? part.add_(sparse) : part; // a sparse gradient takes in no dense one
            }
        }
    }

    private void Prepare(MicroBatchLosses batch)
    {
        Grow(batch.Order);
        foreach (var (task, value) in batch.Values)
        {
            losses[task] += batch.Shares[task] * value;
        }
    }

    /// <summary>Makes rows for tasks that have none.</summary>
    private void Grow(IEnumerable<string> tasks)
    {
        var known = losses.Count;
        foreach (var task in tasks)
        {
            losses.TryAdd(task, 0);
        }

        if (losses.Count > known)
        {
            var device = leaves.Count == 0 ? CPU : leaves[0].device;
            var more = empty([losses.Count - known, sizes.Sum()], dtype, device);
            matrix = (matrix is null ? more : cat([matrix, more])).MoveToOuterDisposeScope();
            isDirect = HostValues.IsDirect(matrix);
        }
    }

    private void Collect(int row)
    {
        if (leaves.Count == 0)
        {
            return;
        }

        using var scope = NewDisposeScope();
        var isFirst = written.Add(row);
        Tensor[]? parts = null;
        var start = row * sizes.Sum();
        for (var k = 0; k < leaves.Count; k++)
        {
            var gradient = leaves[k].grad;
            reached[k] |= gradient is not null;
            if (!isFirst || !TryCopy(gradient, start, sizes[k]))
            {
                PutGradient((parts ??= matrix![row].split(sizes))[k], gradient, isFirst);
            }

            start += sizes[k];
        }
    }

    /// <summary>Copies from memory to memory, where both are on the host: for a small parameter that is less than torch's calls take.</summary>
    private bool TryCopy(Tensor? gradient, long start, long length)
    {
        if (!isDirect || (gradient is not null && (gradient.is_sparse || gradient.dtype != dtype || !HostValues.IsDirect(gradient))))
        {
            return false;
        }

        var size = (int)matrix!.ElementSize;
        var target = HostValues.Direct<byte>(matrix).Slice((int)start * size, (int)length * size);
        if (gradient is null)
        {
            target.Clear();
        }
        else
        {
            HostValues.Direct<byte>(gradient).CopyTo(target);
        }

        return true;
    }

    private static void PutGradient(Tensor target, Tensor? gradient, bool isFirst)
    {
        if (gradient is not null)
        {
            Put(target, (gradient.is_sparse ? gradient.to_dense() : gradient).reshape(-1), isFirst);
        }
        else if (isFirst)
        {
            target.zero_();
        }
    }

    private static void Put(Tensor target, Tensor values, bool isFirst) => _ = isFirst ? target.copy_(values) : target.add_(values);
}
