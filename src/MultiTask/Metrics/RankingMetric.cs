using System.Runtime.InteropServices;
using static TorchSharp.torch;

namespace MultiTask.Metrics;

/// <summary>How well scores put positive labels before negative ones, whatever the threshold.</summary>
/// <remarks>
/// <para>Exact, equal scores included: not binned. Yes-or-no labels are ranked by their logit (a floating-point label means yes
/// above ½), NaN last; of a multi-label target <c>[n, L]</c> each label is ranked by itself; of several classes each is ranked against the
/// rest, by its probability. The value is the plain mean over those labels or classes for which it is defined.</para>
/// <para>Keeps every score: 24 bytes for each label, times the number of classes where there are several.</para>
/// </remarks>
public abstract class RankingMetric : Metric
{
    private readonly List<List<Ranked>> columns = [];
    private readonly int classDimension;

    private protected RankingMetric(int classDimension) => this.classDimension = classDimension;

    /// <inheritdoc/>
    public sealed override bool HigherIsBetter => true;

    /// <inheritdoc/>
    public sealed override void Update(Tensor output, Tensor target, Tensor? weights = null)
    {
        using var scope = NewDisposeScope();
        var answers = Answers.OneEachOrClasses(this, output, target, classDimension);
        if (answers.dim() == target.dim())
        {
            var labels = HostLabels.Of(this, answers, target, weights);
            Keep(labels, i => (int)labels.Columns[i], i => labels.Targets[i] > 0.5);
            return;
        }

        var probabilities = HostLabels.Float64(answers).softmax(-1);
        for (var c = 0; c < answers.shape[^1]; c++)
        {
            var label = c;
            var labels = HostLabels.Of(this, probabilities.select(-1, c), target.cpu(), weights?.cpu());
            Keep(labels, _ => label, i => labels.Targets[i] == label);
        }
    }

    /// <inheritdoc/>
    public sealed override double Compute() => columns
        .Select(Descending)
        .Select(Figure)
        .Where(figure => !double.IsNaN(figure))
        .DefaultIfEmpty(double.NaN)
        .Average();

    /// <inheritdoc/>
    public sealed override void Reset() => columns.Clear();

    /// <summary>The figure of one label; NaN where it is not defined.</summary>
    /// <param name="groups">Weights of the positives and negatives that share a score, best score first.</param>
    private protected abstract double Figure(IReadOnlyList<(double Positive, double Negative)> groups);

    private static List<(double Positive, double Negative)> Descending(List<Ranked> column)
    {
        var ranked = CollectionsMarshal.AsSpan(column);
        ranked.Sort((a, b) => b.Score.CompareTo(a.Score));
        var groups = new List<(double Positive, double Negative)>();
        for (var i = 0; i < ranked.Length; i++)
        {
            var (score, weight, positive) = ranked[i];
            var (p, n) = positive ? (weight, 0.0) : (0.0, weight);
            if (i > 0 && ranked[i - 1].Score.CompareTo(score) == 0)
            {
                var (before, against) = groups[^1];
                groups[^1] = (before + p, against + n);
            }
            else
            {
                groups.Add((p, n));
            }
        }

        return groups;
    }

    private void Keep(HostLabels labels, Func<int, int> column, Func<int, bool> positive)
    {
        for (var i = 0; i < labels.Outputs.Length; i++)
        {
            while (columns.Count <= column(i))
            {
                columns.Add([]);
            }

            if (labels.Weights[i] != 0)
            {
                columns[column(i)].Add(new(labels.Outputs[i], labels.Weights[i], positive(i)));
            }
        }
    }

    private readonly record struct Ranked(double Score, double Weight, bool Positive);
}
