using MultiTask.Tasks;
using static TorchSharp.torch;

namespace MultiTask.Metrics;

/// <summary>The root of the mean of <c>(ŷ − y)²</c> over all labels, in the targets' unit.</summary>
/// <remarks>
/// Of several outputs all labels count alike, as in the loss; scikit-learn instead averages the roots of the columns.
/// Gathers two numbers.
/// </remarks>
public sealed class RootMeanSquaredError : MeanMetric
{
    /// <inheritdoc/>
    public override string Name => "rmse";

    /// <inheritdoc/>
    public override bool HigherIsBetter => false;

    /// <inheritdoc/>
    protected override Tensor Align(Tensor output, Tensor target) => Answers.OneEach(this, output, target);

    /// <inheritdoc/>
    protected override Tensor Measure(PresentLabels labels) =>
        HostLabels.Float64(labels.Output).sub(HostLabels.Float64(labels.Target)).square();

    /// <inheritdoc/>
    protected override double FromMean(double mean) => Math.Sqrt(mean);
}
