namespace MultiTask.Metrics;

/// <summary>The harmonic mean of precision and recall: <c>2 TP / (2 TP + FP + FN)</c>.</summary>
/// <remarks>scikit-learn's <c>f1_score</c>; which classes count, see <see cref="ConfusionMetric"/>.</remarks>
/// <param name="averaging">How a figure for each class becomes one.</param>
/// <param name="classDimension">Along which dimension of the output the classes lie: the last, -1, by default; 1 for outputs <c>[n, C, …]</c>. Of no account where there is one logit a label.</param>
public sealed class F1(Averaging averaging, int classDimension = -1) : ConfusionMetric("f1", averaging, classDimension)
{
    private protected override double Figure(Counts counts) =>
        Counts.Ratio(2 * counts.TruePositive, (2 * counts.TruePositive) + counts.FalsePositive + counts.FalseNegative);
}
