namespace MultiTask.Diagnostics;

/// <summary>The conflicts at one layer.</summary>
/// <param name="Name">The layer's path in the model, such as <c>trunk.stages.1.0</c>.</param>
/// <param name="Parameters">How many numbers the layer shares that learn.</param>
/// <param name="Pairs">Each pair of tasks once, in the order of the model.</param>
public sealed record LayerConflict(string Name, long Parameters, IReadOnlyList<PairConflict> Pairs)
{
    /// <summary>The S-conflict score: how many pairs were in conflict, summed over the batches.</summary>
    public int Score => Pairs.Sum(p => p.Conflicts);

    /// <summary>The part of what was measured that was a conflict, in [0, 1]; 0 where nothing was.</summary>
    public double Rate => Measured == 0 ? 0 : (double)Score / Measured;

    /// <summary>The mean cosine over pairs and batches, in [-1, 1]; 0 where nothing was measured.</summary>
    public double MeanCosine => Measured == 0 ? 0 : Pairs.Sum(p => p.CosineSum) / Measured;

    /// <summary>The pair with the most conflicts, and of those with as many the one with the smallest mean cosine; <c>null</c> for one task.</summary>
    public PairConflict? Worst => Pairs.OrderByDescending(p => p.Conflicts).ThenBy(p => p.MeanCosine).FirstOrDefault();

    private int Measured => Pairs.Sum(p => p.Batches);
}
