using MultiTask.Diagnostics;
using MultiTask.Metrics;
using TorchSharp;
using static TorchSharp.torch;

namespace MultiTask.Tasks;

/// <summary>Yes or no for each sample: one logit and binary cross entropy.</summary>
/// <remarks>
/// <para>Outputs are <c>[n]</c> or <c>[n, 1]</c>, and so are targets: Bool; Int64 with 0, 1 and -100 where missing; or floating point
/// from 0 to 1 (probabilities are allowed), <c>NaN</c> where missing.</para>
/// <para>As in PyTorch, the positive weight is a factor of a positive label's loss, and not part of the mean's denominator.</para>
/// <para>Metrics: accuracy, F1 of the positive class, ROC-AUC, average precision, log loss.</para>
/// </remarks>
public sealed class BinaryTask : LearningTask
{
    private readonly HostVector? positiveWeight;

    /// <summary>A binary classification.</summary>
    /// <param name="name">The task's name: not empty, no dot.</param>
    /// <param name="head">Gives one logit: <c>[n]</c> or <c>[n, 1]</c>.</param>
    /// <param name="positiveWeight">How much more a positive label counts than a negative one; greater than 0, 1 by default.</param>
    /// <exception cref="ArgumentOutOfRangeException">The weight is not positive and finite.</exception>
    public BinaryTask(string name, nn.Module<Tensor, Tensor> head, double? positiveWeight = null)
        : base(name, head) =>
        this.positiveWeight = HostVector.From(Name, positiveWeight is { } w ? [w] : null, "the positive weight", positive: true);

    /// <inheritdoc/>
    public override Likelihood Likelihood => Likelihood.Categorical;

    /// <inheritdoc/>
    public override IReadOnlyList<Metric> CreateMetrics() =>
        [new Accuracy(), new F1(Averaging.Binary), new RocAuc(), new AveragePrecision(), new LogLoss()];

    /// <inheritdoc/>
    protected override (Tensor Output, Tensor Target) Align(Tensor output, Tensor target)
    {
        if (!YesNo.Fits(target.dtype))
        {
            throw Mismatch(YesNo.Expected, $"{target.dtype}");
        }

        var one = output.dim() == 1 || (output.dim() == 2 && output.size(1) == 1);
        return one && LabelShape.TryMatch(output, target, out var answers)
            ? (answers, target)
            : throw Mismatch(
                "output and targets should have shape [n] or [n, 1] (for several labels see MultiLabelTask)",
                $"output {Shape.Of(output)} and targets {Shape.Of(target)}");
    }

    /// <inheritdoc/>
    protected override void CheckLabels(Tensor output, Tensor target)
    {
        var wrong = YesNo.Wrong(target);
        if (wrong.any().ToBoolean())
        {
            throw Mismatch(YesNo.Expected, Offender.Of(target, wrong));
        }
    }

    /// <inheritdoc/>
    protected override Tensor LabelLosses(PresentLabels labels, nn.Reduction reduction) =>
        YesNo.Losses(labels.Output, labels.Target, positiveWeight?.Like(labels.Output), reduction);

    /// <inheritdoc/>
    private protected override Tensor LossOfAll(Tensor output, Tensor target) =>
        YesNo.Losses(output, target, positiveWeight?.Like(output), nn.Reduction.Mean);
}
