namespace MultiTask.Balancing;

/// <summary>The sum of the losses: every weight is 1. The baseline to beat.</summary>
/// <remarks>
/// The sum, not the mean, so that a task's head and its weight decay see the same gradient as in a network of its own.
/// Kurin et al., <i>In Defense of the Unitary Scalarization for Deep Multi-Task Learning</i> (NeurIPS 2022): with
/// regularisation and tuning it matches most specialised methods. LibMTL's documentation says 1/m, its code sums.
/// </remarks>
public sealed class EqualWeights : LossWeighting
{
    /// <summary>Equal weights.</summary>
    public EqualWeights()
        : base(nameof(EqualWeights))
    {
    }

    /// <inheritdoc/>
    public override double[] Weigh(TaskMap<double> losses)
    {
        ArgumentNullException.ThrowIfNull(losses);
        var weights = new double[losses.Count];
        Array.Fill(weights, 1);
        return weights;
    }
}
