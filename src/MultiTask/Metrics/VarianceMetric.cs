using static TorchSharp.torch;

namespace MultiTask.Metrics;

/// <summary>How much of the labels' variance a regression explains, averaged over its outputs.</summary>
/// <remarks>
/// Defined as in scikit-learn, <c>multioutput='uniform_average'</c>: the plain mean over columns of <c>1 − error / variance</c>; a
/// column of constant labels has 1 if the error is 0, else 0. A column needs two labels or more, or it is passed over. Gathers
/// eight numbers a column.
/// </remarks>
public abstract class VarianceMetric : Metric
{
    private RunningMoments[] targets = [];
    private RunningMoments[] errors = [];

    private protected VarianceMetric()
    {
    }

    /// <inheritdoc/>
    public sealed override bool HigherIsBetter => true;

    /// <inheritdoc/>
    public sealed override void Update(Tensor output, Tensor target, Tensor? weights = null)
    {
        using var scope = NewDisposeScope();
        var labels = HostLabels.Of(this, Answers.OneEach(this, output, target), target, weights);
        if (labels.Width > targets.Length)
        {
            Array.Resize(ref targets, labels.Width);
            Array.Resize(ref errors, labels.Width);
        }

        for (var i = 0; i < labels.Targets.Length; i++)
        {
            var (column, weight) = (labels.Columns[i], labels.Weights[i]);
            if (weight != 0)
            {
                targets[column].Add(labels.Targets[i], weight);
                errors[column].Add(labels.Targets[i] - labels.Outputs[i], weight);
            }
        }
    }

    /// <inheritdoc/>
    public sealed override double Compute() => targets
        .Zip(errors, (target, error) => (target, error))
        .Where(column => column.target.Count > 1)
        .Select(column => Explained(Unexplained(column.error), column.target.Deviation))
        .DefaultIfEmpty(double.NaN)
        .Average();

    /// <inheritdoc/>
    public sealed override void Reset() => (targets, errors) = ([], []);

    /// <summary>What the outputs leave unexplained of the sum of squared deviations.</summary>
    private protected abstract double Unexplained(RunningMoments error);

    private static double Explained(double unexplained, double variance) =>
        unexplained == 0 ? 1
        : variance == 0 ? 0
        : 1 - (unexplained / variance);
}
