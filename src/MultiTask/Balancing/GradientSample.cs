using static TorchSharp.torch;

namespace MultiTask.Balancing;

/// <summary>Some of the micro-batches of a step, as one sample of the whole batch's gradients.</summary>
internal sealed class GradientSample(IReadOnlyList<Tensor> shared)
{
    private readonly JacobianRows rows = new(shared, othersToo: true);
    private readonly Dictionary<string, double> shares = new(StringComparer.Ordinal);

    /// <summary>Deals micro-batches in turn to as many samples as there are micro-batches for, and no more than a number.</summary>
    public static IReadOnlyList<GradientSample> Deal(IEnumerable<MicroBatchLosses> microBatches, IReadOnlyList<Tensor> shared, int most)
    {
        var samples = new List<GradientSample>(most);
        using var sequence = microBatches.GetEnumerator();
        for (var k = 0; ; k++)
        {
            using var scope = NewDisposeScope();
            if (!sequence.MoveNext())
            {
                return samples;
            }

            if (k < most)
            {
                samples.Add(new(shared));
            }

            samples[k % most].Add(sequence.Current);
        }
    }

    /// <summary>The rows of the whole batch.</summary>
    public static JacobianRows Together(IReadOnlyList<GradientSample> samples, IReadOnlyList<Tensor> shared)
    {
        if (samples.Count == 1)
        {
            return samples[0].rows;
        }

        var all = new JacobianRows(shared, othersToo: true);
        foreach (var sample in samples)
        {
            using var scope = NewDisposeScope();
            all.Add(sample.rows);
        }

        return all;
    }

    /// <summary>What the sample says of the whole batch's gradients; of a task that is not in it, what the whole batch says.</summary>
    public Jacobian Estimate(Jacobian whole)
    {
        var own = rows.ToJacobian();
        var index = own.Tasks.Index().ToDictionary(p => p.Item, p => p.Index, StringComparer.Ordinal);
        return new(stack(whole.Tasks.Select((task, i) => shares.TryGetValue(task, out var share) ? own.Matrix[index[task]] / share : whole.Matrix[i])), whole.Losses);
    }

    private void Add(MicroBatchLosses batch)
    {
        rows.Add(batch, retainGraph: false);
        foreach (var (task, share) in batch.Shares)
        {
            if (batch.Losses.Contains(task))
            {
                shares[task] = shares.GetValueOrDefault(task) + share;
            }
        }
    }
}
