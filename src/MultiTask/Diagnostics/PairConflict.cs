namespace MultiTask.Diagnostics;

/// <summary>How the gradients of two tasks got along at one layer, over some batches.</summary>
/// <param name="First">The name of the one task.</param>
/// <param name="Second">The name of the other.</param>
/// <param name="Batches">In how many batches both had a gradient there that is not zero.</param>
/// <param name="Conflicts">In how many of these the cosine was below the severity.</param>
/// <param name="CosineSum">The sum of the cosines over the batches.</param>
public sealed record PairConflict(string First, string Second, int Batches, int Conflicts, double CosineSum)
{
    /// <summary>The part of the batches with a conflict, in [0, 1]; 0 where nothing was measured.</summary>
    public double Rate => Batches == 0 ? 0 : (double)Conflicts / Batches;

    /// <summary>The mean cosine, in [-1, 1]; 0 where nothing was measured.</summary>
    public double MeanCosine => Batches == 0 ? 0 : CosineSum / Batches;
}
