using MultiTask.Tasks;
using static TorchSharp.torch;

namespace MultiTask.Metrics;

/// <summary>The mean of <c>−log p(y)</c> over all labels, in nats: cross entropy, from logits.</summary>
/// <remarks>
/// Softmax of several logits, sigmoid of one; then floating-point labels may lie between 0 and 1. Computed from logits in their
/// own precision, half precision in float32, so nothing overflows or is clipped. Gathers two numbers.
/// </remarks>
/// <param name="classDimension">Along which dimension of the output the classes lie: the last, -1, by default; 1 for outputs <c>[n, C, …]</c>. Of no account where there is one logit a label.</param>
public sealed class LogLoss(int classDimension = -1) : MeanMetric
{
    /// <inheritdoc/>
    public override string Name => "log_loss";

    /// <inheritdoc/>
    public override bool HigherIsBetter => false;

    /// <inheritdoc/>
    protected override Tensor Align(Tensor output, Tensor target) => Answers.OneEachOrClasses(this, output, target, classDimension);

    /// <inheritdoc/>
    protected override Tensor Measure(PresentLabels labels) => NegativeLogLikelihood(labels);

    internal static Tensor NegativeLogLikelihood(PresentLabels labels)
    {
        var half = labels.Output.dtype is ScalarType.Float16 or ScalarType.BFloat16;
        var logits = half ? labels.Output.to_type(ScalarType.Float32) : labels.Output;
        return logits.dim() > 1
            ? nn.functional.cross_entropy(logits, labels.Target, reduction: nn.Reduction.None)
            : nn.functional.binary_cross_entropy_with_logits(logits, labels.Target.to_type(logits.dtype), reduction: nn.Reduction.None);
    }
}
