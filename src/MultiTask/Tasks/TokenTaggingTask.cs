using MultiTask.Diagnostics;
using MultiTask.Metrics;
using static TorchSharp.torch;

namespace MultiTask.Tasks;

/// <summary>One of several classes for each token of a sequence, such as its part of speech.</summary>
/// <remarks>
/// <para>Outputs are <c>[n, t, C]</c> and targets <c>[n, t]</c>, Int64, from 0 to <c>C − 1</c>, and -100 where missing: at padding, and at
/// tokens without a tag. Each token is a label of its own, so a long sentence counts more than a short one.</para>
/// <para>Metrics: accuracy (which is also micro F1), macro F1, log loss.</para>
/// </remarks>
public sealed class TokenTaggingTask : CrossEntropyTask
{
    /// <summary>A sequence tagging.</summary>
    /// <param name="name">The task's name: not empty, no dot.</param>
    /// <param name="head">Gives a logit for each token and class: <c>[n, t, C]</c>.</param>
    /// <param name="classWeights">How much a label of each class counts, ≥ 0; 1 by default.</param>
    /// <param name="labelSmoothing">From 0, the default, to below 1.</param>
    /// <exception cref="ArgumentException">Fewer than two weights, or none positive.</exception>
    /// <exception cref="ArgumentOutOfRangeException">A weight is negative or not finite, or the smoothing is out of range.</exception>
    public TokenTaggingTask(
        string name, nn.Module<Tensor, Tensor> head, IReadOnlyList<double>? classWeights = null, double labelSmoothing = 0)
        : base(name, head, classWeights, labelSmoothing)
    {
    }

    /// <inheritdoc/>
    public override IReadOnlyList<Metric> CreateMetrics() => [new Accuracy(), new F1(Averaging.Macro), new LogLoss()];

    /// <inheritdoc/>
    protected override (Tensor Output, Tensor Target) Align(Tensor output, Tensor target)
    {
        const string expected = "output and targets should have shapes [n, t, C] and [n, t]";
        return target.dim() == 2 ? Aligned(output, target, expected, output) : throw Mismatch(expected, $"output {Shape.Of(output)} and targets {Shape.Of(target)}");
    }
}
