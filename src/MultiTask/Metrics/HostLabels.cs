using MultiTask.Diagnostics;
using MultiTask.Tasks;
using static TorchSharp.torch;

namespace MultiTask.Metrics;

/// <summary>The labels of a batch that are present, as plain numbers on the host: entry <c>i</c> of each array is label <c>i</c>.</summary>
/// <param name="Outputs">The label's output.</param>
/// <param name="Targets">The label.</param>
/// <param name="Columns">Which label of its sample it is, from 0 to <paramref name="Width"/> − 1.</param>
/// <param name="Weights">Its sample's weight.</param>
/// <param name="Width">How many labels a sample has, present or not.</param>
internal sealed record HostLabels(double[] Outputs, double[] Targets, long[] Columns, double[] Weights, int Width)
{
    /// <summary>The present labels of one batch.</summary>
    /// <param name="metric">The metric that asks, for messages.</param>
    /// <param name="output">One output for each label.</param>
    /// <param name="target">The labels, of the same shape, samples first.</param>
    /// <param name="weights">A weight for each sample, or none.</param>
    public static HostLabels Of(Metric metric, Tensor output, Tensor target, Tensor? weights)
    {
        var labels = PresentLabels.Of(output, target, MissingLabels.Present(target));
        var shape = target.shape;
        var width = shape.Skip(1).Aggregate(1L, (product, length) => product * length);
        var columns = arange(width, ScalarType.Int64, target.device).reshape([1, .. shape[1..]]);
        return new(
            Numbers(labels.Output),
            Numbers(labels.Target),
            labels.Spread(columns).cpu().data<long>().ToArray(),
            WeightsOf(metric, labels, weights, shape[0]),
            (int)width);
    }

    /// <summary>Each present label's sample's weight; 1 where there are none.</summary>
    /// <exception cref="ArgumentException">The weights are not one for each sample.</exception>
    public static double[] WeightsOf(Metric metric, PresentLabels labels, Tensor? weights, long samples)
    {
        if (weights is null)
        {
            var ones = new double[labels.Count];
            Array.Fill(ones, 1);
            return ones;
        }

        return weights.dim() == 1 && weights.shape[0] == samples
            ? Numbers(labels.OfSamples(weights, weights.dtype))
            : throw new ArgumentException($"Metric '{metric.Name}': sample weights should have shape [{samples}]. Found shape {Shape.Of(weights)}.");
    }

    /// <summary>A tensor's numbers, in row-major order.</summary>
    public static double[] Numbers(Tensor tensor) => Float64(tensor).flatten().contiguous().data<double>().ToArray();

    /// <summary>The same numbers on the host, in float64.</summary>
    public static Tensor Float64(Tensor tensor) => tensor.detach().cpu().to_type(ScalarType.Float64);
}
