using MultiTask.Numerics;
using TorchSharp;
using static TorchSharp.torch;

namespace MultiTask.Balancing;

/// <summary>Gathers the rows of a Jacobian, micro-batch by micro-batch, through the leaves' <c>.grad</c>.</summary>
/// <remarks>
/// Each loss is differentiated by itself: the leaves' own gradients are set aside, <c>backward</c> makes new ones, and those
/// are taken as they are. <c>autograd.grad</c> would end the process on an error; <c>backward</c> throws.
/// </remarks>
internal sealed class JacobianRows
{
    private const long MostKept = 28 << 20; // bytes: of blocks beyond 32 MB glibc takes no notice

    private readonly IReadOnlyList<Tensor> leaves;
    private readonly bool othersToo;
    private readonly bool[] reached;
    private readonly long[] sizes;
    private readonly OrderedDictionary<string, Row> rows = new(StringComparer.Ordinal);

    /// <param name="leaves">Distinct leaves that require gradients.</param>
    /// <param name="othersToo">Whether leaves beside these get their gradient in <c>.grad</c> as well.</param>
    public JacobianRows(IReadOnlyList<Tensor> leaves, bool othersToo)
    {
        this.leaves = leaves;
        this.othersToo = othersToo;
        reached = new bool[leaves.Count];
        sizes = [.. leaves.Select(leaf => leaf.numel())];
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
                Take(rows[task].Gradients);
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
        Grow(other.rows.Keys);
        foreach (var (task, row) in other.rows)
        {
            rows[task].Loss += row.Loss;
            for (var k = 0; k < leaves.Count; k++)
            {
                Put(rows[task].Gradients, k, row.Gradients[k]?.alias());
            }
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

    /// <summary>What has been gathered, once: the rows are the Jacobian's from then on.</summary>
    public Jacobian ToJacobian() => new(
        new PiecewiseRows(rows.Values.Select(row => row.Gradients), leaves),
        TaskMap.Create(rows.Select(row => (row.Key, row.Value.Loss))));

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
            rows[task].Loss += batch.Shares[task] * value;
        }
    }

    /// <summary>Makes rows for tasks that have none.</summary>
    private void Grow(IEnumerable<string> tasks)
    {
        var known = rows.Count;
        foreach (var task in tasks)
        {
            rows.TryAdd(task, new(leaves.Count));
        }

        if (rows.Count > known && OperatingSystem.IsLinux() && leaves.Count > 0 && leaves[0].device_type == DeviceType.CPU)
        {
            KeepMemory();
        }
    }

    /// <summary>
    /// Takes memory as the rows will, up to a bound, in one block that is given back untouched. Where glibc has seen such a block, the process
    /// keeps that much of what a step frees for the next, which would otherwise get it anew from the system, page by page.
    /// </summary>
    private void KeepMemory() => empty(Math.Min(rows.Count * leaves.Sum(leaf => leaf.numel() * leaf.ElementSize), MostKept), ScalarType.Byte).Dispose();

    /// <summary>Takes the gradients of the leaves into a row.</summary>
    private void Take(Tensor?[] row)
    {
        for (var k = 0; k < leaves.Count; k++)
        {
            Put(row, k, leaves[k].grad);
        }
    }

    /// <summary>Adds to a part of a row. Never in place: the gradients of two leaves may be one memory.</summary>
    private void Put(Tensor?[] row, int k, Tensor? gradient)
    {
        if (gradient is null)
        {
            return;
        }

        reached[k] = true;
        using var before = row[k];
        row[k] = (before is null ? Dense(gradient) : before + gradient).MoveToOuterDisposeScope();
    }

    /// <summary>The same, by rows: what comes after reads such gradients in place.</summary>
    private static Tensor Dense(Tensor gradient)
    {
        if (!gradient.is_sparse && gradient.is_contiguous())
        {
            return gradient;
        }

        using var other = gradient;
        return (gradient.is_sparse ? gradient.to_dense() : gradient).contiguous();
    }

    /// <summary>Of a task: its loss, and the gradient of each leaf that it reaches.</summary>
    private sealed class Row(int leaves)
    {
        public double Loss { get; set; }

        public Tensor?[] Gradients { get; } = new Tensor?[leaves];
    }
}
