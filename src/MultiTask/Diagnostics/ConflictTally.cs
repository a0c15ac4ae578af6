using MultiTask.Numerics;

namespace MultiTask.Diagnostics;

/// <summary>Counts conflicts layer by layer.</summary>
internal sealed class ConflictTally
{
    private readonly IReadOnlyList<LeafGroup> layers;
    private readonly TaskMap<int> position;
    private readonly double severity;
    private readonly (int Batches, int Conflicts, double CosineSum)[][,] counts;

    public ConflictTally(IReadOnlyList<LeafGroup> layers, IReadOnlyList<string> tasks, double severity)
    {
        this.layers = layers;
        this.severity = severity;
        position = TaskMap.Create(tasks.Select((task, i) => (task, i)));
        counts = [.. layers.Select(_ => new (int, int, double)[tasks.Count, tasks.Count])];
    }

    /// <summary>Takes in the gradients of a batch, whose columns are those of the layers one after the other.</summary>
    public void Add(Jacobian jacobian)
    {
        jacobian.Finite();
        int[] rows = [.. jacobian.Tasks.Select(task => position[task])];
        var offset = 0L;
        for (var l = 0; l < layers.Count; offset += layers[l].Size, l++)
        {
            using var scope = TorchSharp.torch.NewDisposeScope();
            var own = jacobian.Matrix.narrow(1, offset, layers[l].Size);
            Add(counts[l], rows, RowProducts.Of(own, own));
        }
    }

    public IReadOnlyList<LayerConflict> ToLayers() => [.. layers.Select((layer, l) => new LayerConflict(layer.Name, layer.Size, [.. Pairs(counts[l])]))];

    private void Add((int Batches, int Conflicts, double CosineSum)[,] pairs, int[] rows, double[,] products)
    {
        for (var a = 0; a < rows.Length; a++)
        {
            for (var b = 0; b < a; b++)
            {
                var (first, second) = (Math.Sqrt(products[a, a]), Math.Sqrt(products[b, b]));
                if (first == 0 || second == 0)
                {
                    continue; // not reached, or no direction
                }

                var cosine = Math.Clamp(products[a, b] / first / second, -1, 1);
                ref var pair = ref pairs[Math.Min(rows[a], rows[b]), Math.Max(rows[a], rows[b])];
                pair = (pair.Batches + 1, pair.Conflicts + (cosine < severity ? 1 : 0), pair.CosineSum + cosine);
            }
        }
    }

    private IEnumerable<PairConflict> Pairs((int Batches, int Conflicts, double CosineSum)[,] pairs) =>
        from i in position.Values
        from j in position.Values
        where i < j
        let pair = pairs[i, j]
        select new PairConflict(position.Tasks[i], position.Tasks[j], pair.Batches, pair.Conflicts, pair.CosineSum);
}
