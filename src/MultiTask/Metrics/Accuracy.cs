using MultiTask.Tasks;
using static TorchSharp.torch;

namespace MultiTask.Metrics;

/// <summary>The share of labels that are answered rightly.</summary>
/// <remarks>
/// <para>Of classes the answer is the one with the highest logit (the first of several). A single logit answers yes above 0, that
/// is above a probability of ½; a floating-point label means yes above ½. Each token and each entry of a multi-label
/// target counts by itself: the latter is 1 − Hamming loss, not the subset accuracy.</para>
/// <para>Gathers two numbers.</para>
/// </remarks>
/// <param name="classDimension">Along which dimension of the output the classes lie: the last, -1, by default; 1 for outputs <c>[n, C, …]</c>. Of no account where there is one logit a label.</param>
public sealed class Accuracy(int classDimension = -1) : MeanMetric
{
    /// <inheritdoc/>
    public override string Name => "accuracy";

    /// <inheritdoc/>
    public override bool HigherIsBetter => true;

    /// <inheritdoc/>
    protected override Tensor Align(Tensor output, Tensor target) => Answers.OneEachOrClasses(this, output, target, classDimension);

    /// <inheritdoc/>
    protected override Tensor Measure(PresentLabels labels) => labels.Output.dim() > 1
        ? labels.Output.argmax(1).eq(labels.Target)
        : labels.Output.gt(0).eq(labels.Target.gt(0.5));
}
