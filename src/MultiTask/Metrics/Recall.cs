namespace MultiTask.Metrics;

/// <summary>How many of a class's labels are found: <c>TP / (TP + FN)</c>.</summary>
/// <remarks>scikit-learn's <c>recall_score</c>; which classes count, see <see cref="ConfusionMetric"/>.</remarks>
/// <param name="averaging">How a figure for each class becomes one.</param>
/// <param name="classDimension">Along which dimension of the output the classes lie: the last, -1, by default; 1 for outputs <c>[n, C, …]</c>. Of no account where there is one logit a label.</param>
public sealed class Recall(Averaging averaging, int classDimension = -1) : ConfusionMetric("recall", averaging, classDimension)
{
    private protected override double Figure(Counts counts) =>
        Counts.Ratio(counts.TruePositive, counts.TruePositive + counts.FalseNegative);
}
