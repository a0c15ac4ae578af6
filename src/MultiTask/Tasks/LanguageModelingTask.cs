using MultiTask.Diagnostics;
using MultiTask.Metrics;
using static TorchSharp.torch;

namespace MultiTask.Tasks;

/// <summary>The next token at each position of a sequence.</summary>
/// <remarks>
/// <para>Outputs are <c>[n, t, V]</c>; targets are the tokens that were read, <c>[n, t]</c>, Int64, from 0 to <c>V − 1</c>, and -100 at
/// padding. The shift is done here: position <c>i</c> answers for token <c>i + 1</c>, so a sequence of <c>t</c> tokens has
/// <c>t − 1</c> labels, and its last output is not used.</para>
/// <para>Metrics: perplexity, accuracy of the next token.</para>
/// </remarks>
public sealed class LanguageModelingTask : CrossEntropyTask
{
    /// <summary>A language model.</summary>
    /// <param name="name">The task's name: not empty, no dot.</param>
    /// <param name="head">Gives a logit for each position and word of the vocabulary: <c>[n, t, V]</c>.</param>
    /// <param name="labelSmoothing">From 0, the default, to below 1.</param>
    /// <exception cref="ArgumentOutOfRangeException">The smoothing is out of range.</exception>
    public LanguageModelingTask(string name, nn.Module<Tensor, Tensor> head, double labelSmoothing = 0)
        : base(name, head, null, labelSmoothing)
    {
    }

    /// <inheritdoc/>
    public override IReadOnlyList<Metric> CreateMetrics() => [new NextToken(new Perplexity()), new NextToken(new Accuracy())];

    /// <summary>How many next tokens there are to predict: all tokens but padding and the first of each sequence.</summary>
    /// <param name="target">The tokens, <c>[n, t]</c>.</param>
    public override long CountLabels(Tensor target)
    {
        using var scope = NewDisposeScope();
        return target.shape[1] < 2 ? 0 : MissingLabels.Count(target.narrow(1, 1, target.shape[1] - 1));
    }

    /// <inheritdoc/>
    protected internal override double TotalWeight(long labels, Tensor target, Tensor? weights)
    {
        using var scope = NewDisposeScope();
        return labels == 0 ? 0 : base.TotalWeight(labels, NextToken.Of(target), weights);
    }

    /// <inheritdoc/>
    protected override (Tensor Output, Tensor Target) Align(Tensor output, Tensor target)
    {
        const string expected = "output and targets should have shapes [n, t, V] and [n, t]";
        return target.dim() == 2
            ? Aligned(output, NextToken.Of(target), expected, output)
            : throw Mismatch(expected, $"output {Shape.Of(output)} and targets {Shape.Of(target)}");
    }
}
