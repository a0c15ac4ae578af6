using static TorchSharp.torch;

namespace MultiTask.Metrics;

/// <summary>A figure made of true positives, false positives and false negatives, by class.</summary>
/// <remarks>
/// <para>Answers are found as in <see cref="Accuracy"/>. Definitions are scikit-learn's with <c>zero_division=0</c>: a class's figure is 0 where
/// it would be 0 / 0.</para>
/// <para>Which classes count: of several classes, those that occur among the labels or among the answers; of a multi-label target
/// <c>[n, L]</c>, each of the <c>L</c> labels that is present at least once; of a yes-or-no target <c>[n]</c> the positive class alone
/// (<see cref="Averaging.Binary"/>), or else both no and yes.</para>
/// <para>Gathers four numbers a class.</para>
/// </remarks>
public abstract class ConfusionMetric : Metric
{
    private readonly string name;
    private readonly Averaging averaging;
    private readonly int classDimension;
    private Counts[] classes = [];

    private protected ConfusionMetric(string name, Averaging averaging, int classDimension)
    {
        this.name = name;
        this.averaging = averaging;
        this.classDimension = classDimension;
    }

    /// <inheritdoc/>
    public sealed override string Name => averaging switch
    {
        Averaging.Macro => $"{name}_macro",
        Averaging.Micro => $"{name}_micro",
        _ => name,
    };

    /// <inheritdoc/>
    public sealed override bool HigherIsBetter => true;

    /// <inheritdoc/>
    public sealed override void Update(Tensor output, Tensor target, Tensor? weights = null)
    {
        using var scope = NewDisposeScope();
        var answers = Answers.OneEachOrClasses(this, output, target, classDimension);
        if (answers.dim() > target.dim())
        {
            Room(ClassesOf(answers));
            CountClasses(HostLabels.Of(this, answers.argmax(-1), target, weights));
        }
        else if (averaging == Averaging.Binary || target.dim() == 1)
        {
            Room(2);
            CountClasses(HostLabels.Of(this, answers.gt(0), target.is_floating_point() ? target.round() : target, weights));
        }
        else
        {
            var labels = HostLabels.Of(this, answers, target, weights);
            Room(labels.Width);
            CountYesNo(labels);
        }
    }

    /// <inheritdoc/>
    public sealed override double Compute()
    {
        var seen = classes.Where(c => c.Seen).ToArray();
        return seen.Length == 0 ? double.NaN : averaging switch
        {
            Averaging.Binary => Figure(classes[1]),
            Averaging.Macro => seen.Average(Figure),
            _ => Figure(seen.Aggregate((a, b) => a + b)),
        };
    }

    /// <inheritdoc/>
    public sealed override void Reset() => classes = [];

    /// <summary>The figure of one class, or of the sum of several.</summary>
    private protected abstract double Figure(Counts counts);

    private static Counts Answered(bool label, bool answer, double weight) => new(
        label && answer ? weight : 0, !label && answer ? weight : 0, label && !answer ? weight : 0, true);

    private long ClassesOf(Tensor answers) => averaging != Averaging.Binary || answers.shape[^1] == 2
        ? answers.shape[^1]
        : throw new ArgumentException(
            $"Metric '{Name}': of more than two classes the average should be macro or micro. Found {answers.shape[^1]} classes and {averaging}.");

    private void Room(long count)
    {
        if (count > classes.Length)
        {
            Array.Resize(ref classes, (int)count);
        }
    }

    private void CountClasses(HostLabels labels)
    {
        var wrong = Array.FindIndex(labels.Targets, label => label < 0 || label >= classes.Length);
        if (wrong >= 0)
        {
            throw new ArgumentException($"Metric '{Name}': classes should be from 0 to {classes.Length - 1}. Found {labels.Targets[wrong]}.");
        }

        for (var i = 0; i < labels.Targets.Length; i++)
        {
            var (label, answer, weight) = ((int)labels.Targets[i], (int)labels.Outputs[i], labels.Weights[i]);
            if (weight != 0)
            {
                classes[label] += Answered(true, answer == label, weight);
                if (answer != label)
                {
                    classes[answer] += Answered(false, true, weight);
                }
            }
        }
    }

    private void CountYesNo(HostLabels labels)
    {
        for (var i = 0; i < labels.Targets.Length; i++)
        {
            if (labels.Weights[i] != 0)
            {
                classes[labels.Columns[i]] += Answered(labels.Targets[i] > 0.5, labels.Outputs[i] > 0, labels.Weights[i]);
            }
        }
    }
}
