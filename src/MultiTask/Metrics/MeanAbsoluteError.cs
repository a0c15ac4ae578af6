using MultiTask.Tasks;
using static TorchSharp.torch;

namespace MultiTask.Metrics;

/// <summary>The mean of <c>|ŷ − y|</c> over all labels, in the targets' unit.</summary>
/// <remarks>Of several outputs all labels count alike, as in the loss. Gathers two numbers.</remarks>
public sealed class MeanAbsoluteError : MeanMetric
{
    /// <inheritdoc/>
    public override string Name => "mae";

    /// <inheritdoc/>
    public override bool HigherIsBetter => false;

    /// <inheritdoc/>
    protected override Tensor Align(Tensor output, Tensor target) => Answers.OneEach(this, output, target);

    /// <inheritdoc/>
    protected override Tensor Measure(PresentLabels labels) =>
        HostLabels.Float64(labels.Output).sub(HostLabels.Float64(labels.Target)).abs();
}
