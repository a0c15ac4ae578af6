using MultiTask.Tasks;
using static TorchSharp.torch;

namespace MultiTask.Metrics;

/// <summary>The weighted mean, over all labels that are present, of one number a label.</summary>
/// <remarks>Gathers two numbers: the sum and the weight. To write a metric of your own, say what one label measures.</remarks>
public abstract class MeanMetric : Metric
{
    private double sum;
    private double weight;

    /// <inheritdoc/>
    public sealed override void Update(Tensor output, Tensor target, Tensor? weights = null)
    {
        using var scope = NewDisposeScope();
        var labels = PresentLabels.Of(Align(output, target), target, MissingLabels.Present(target));
        if (labels.Count == 0)
        {
            return;
        }

        var values = HostLabels.Numbers(Measure(labels));
        var sampleWeights = HostLabels.WeightsOf(this, labels, weights, target.shape[0]);
        for (var i = 0; i < values.Length; i++)
        {
            if (sampleWeights[i] != 0)
            {
                sum += sampleWeights[i] * values[i];
                weight += sampleWeights[i];
            }
        }
    }

    /// <inheritdoc/>
    public sealed override double Compute() => weight > 0 ? FromMean(sum / weight) : double.NaN;

    /// <inheritdoc/>
    public sealed override void Reset() => (sum, weight) = (0, 0);

    /// <summary>Brings the outputs into the form in which the labels' shape begins their shape, and detaches them.</summary>
    /// <param name="output">The raw outputs.</param>
    /// <param name="target">The labels.</param>
    /// <exception cref="ArgumentException">The shapes do not fit.</exception>
    protected abstract Tensor Align(Tensor output, Tensor target);

    /// <summary>What each label measures.</summary>
    /// <param name="labels">The labels, at least one, and their aligned outputs.</param>
    /// <returns>One number for each label, <c>[k]</c>, of any dtype.</returns>
    protected abstract Tensor Measure(PresentLabels labels);

    /// <summary>The metric from the mean over labels: the mean itself by default.</summary>
    /// <param name="mean">The mean.</param>
    protected virtual double FromMean(double mean) => mean;
}
