namespace MultiTask.Balancing;

/// <summary>Which of the gradients' singular values <see cref="AlignedMTL"/> gives to all of them.</summary>
public enum AlignedMTLScale
{
    /// <summary>The smallest: the paper's, and the one its convergence proof is for.</summary>
    Minimum,

    /// <summary>The median; of an even number the lower one.</summary>
    Median,

    /// <summary>The root of the mean square.</summary>
    RootMeanSquare,
}
