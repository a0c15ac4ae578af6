using MultiTask.Tasks;
using static TorchSharp.torch;

namespace MultiTask.Metrics;

/// <summary><c>exp</c> of the mean of <c>−log p(y)</c> over all labels: among how many tokens the model is, on average, undecided.</summary>
/// <remarks>
/// The mean is over tokens, not over sentences or batches. It answers labels one to one; wrap it in <see cref="NextToken"/> for a
/// language model whose targets are the tokens themselves. Gathers two numbers.
/// </remarks>
/// <param name="classDimension">Along which dimension of the output the classes lie: the last, -1, by default; 1 for outputs <c>[n, C, …]</c>.</param>
public sealed class Perplexity(int classDimension = -1) : MeanMetric
{
    /// <inheritdoc/>
    public override string Name => "perplexity";

    /// <inheritdoc/>
    public override bool HigherIsBetter => false;

    /// <inheritdoc/>
    protected override Tensor Align(Tensor output, Tensor target) => Answers.OneEachOrClasses(this, output, target, classDimension);

    /// <inheritdoc/>
    protected override Tensor Measure(PresentLabels labels) => LogLoss.NegativeLogLikelihood(labels);

    /// <inheritdoc/>
    protected override double FromMean(double mean) => Math.Exp(mean);
}
