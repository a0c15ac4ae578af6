using MultiTask.Metrics;
using static TorchSharp.torch;

namespace MultiTask.Tasks;

/// <summary>One of several classes for each sample, or (segmentation) for each position of it.</summary>
/// <remarks>
/// <para>Outputs are <c>[n, C]</c> and targets <c>[n]</c>; or <c>[n, C, …]</c> and <c>[n, …]</c>, as in PyTorch, where each position is a
/// label of its own. Targets are Int64, from 0 to <c>C − 1</c>, and -100 where missing.</para>
/// <para>Metrics: accuracy (which is also micro F1), macro F1, log loss.</para>
/// </remarks>
public sealed class ClassificationTask : CrossEntropyTask
{
    /// <summary>A classification.</summary>
    /// <param name="name">The task's name: not empty, no dot.</param>
    /// <param name="head">Gives a logit for each class: <c>[n, C]</c>, or <c>[n, C, …]</c>.</param>
    /// <param name="classWeights">How much a label of each class counts, ≥ 0; 1 by default.</param>
    /// <param name="labelSmoothing">From 0, the default, to below 1.</param>
    /// <exception cref="ArgumentException">Fewer than two weights, or none positive.</exception>
    /// <exception cref="ArgumentOutOfRangeException">A weight is negative or not finite, or the smoothing is out of range.</exception>
    public ClassificationTask(
        string name, nn.Module<Tensor, Tensor> head, IReadOnlyList<double>? classWeights = null, double labelSmoothing = 0)
        : base(name, head, classWeights, labelSmoothing)
    {
    }

    /// <inheritdoc/>
    public override IReadOnlyList<Metric> CreateMetrics() =>
        [new Accuracy(classDimension: 1), new F1(Averaging.Macro, classDimension: 1), new LogLoss(classDimension: 1)];

    /// <inheritdoc/>
    protected override (Tensor Output, Tensor Target) Align(Tensor output, Tensor target) => Aligned(
        output.dim() > 2 ? movedim(output, 1, -1) : output,
        target,
        "output and targets should have shapes [n, C] and [n], or [n, C, …] and [n, …]",
        output);
}
