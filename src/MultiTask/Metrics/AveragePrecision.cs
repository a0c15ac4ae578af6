namespace MultiTask.Metrics;

/// <summary>The area under precision over recall, as a sum of steps: <c>Σ_k (R_k − R_{k−1}) P_k</c> over the distinct scores, best first.</summary>
/// <remarks>
/// scikit-learn's <c>average_precision_score</c>, macro over labels and one-vs-rest over classes; nothing is interpolated. Not defined
/// for a label that has no positive. See <see cref="RankingMetric"/> for what it keeps.
/// </remarks>
/// <param name="classDimension">Along which dimension of the output the classes lie: the last, -1, by default; 1 for outputs <c>[n, C, …]</c>. Of no account where there is one logit a label.</param>
public sealed class AveragePrecision(int classDimension = -1) : RankingMetric(classDimension)
{
    /// <inheritdoc/>
    public override string Name => "average_precision";

    private protected override double Figure(IReadOnlyList<(double Positive, double Negative)> groups)
    {
        double truePositive = 0, answered = 0, area = 0;
        foreach (var (positive, negative) in groups)
        {
            truePositive += positive;
            answered += positive + negative;
            area += positive * truePositive / answered;
        }

        return area / truePositive;
    }
}
