namespace MultiTask.Metrics;

/// <summary>
/// The area under the receiver operating characteristic: the probability that a positive label has a higher score than a
/// negative one, ties counting one half.
/// </summary>
/// <remarks>
/// scikit-learn's <c>roc_auc_score</c>, macro over labels and one-vs-rest over classes. Not defined for a label that has no positive
/// or no negative. See <see cref="RankingMetric"/> for what it keeps.
/// </remarks>
/// <param name="classDimension">Along which dimension of the output the classes lie: the last, -1, by default; 1 for outputs <c>[n, C, …]</c>. Of no account where there is one logit a label.</param>
public sealed class RocAuc(int classDimension = -1) : RankingMetric(classDimension)
{
    /// <inheritdoc/>
    public override string Name => "roc_auc";

    private protected override double Figure(IReadOnlyList<(double Positive, double Negative)> groups)
    {
        double above = 0, below = 0, won = 0;
        foreach (var (positive, negative) in groups)
        {
            won += negative * (above + (positive / 2));
            above += positive;
            below += negative;
        }

        return won / (above * below);
    }
}
