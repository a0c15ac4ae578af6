using MultiTask.Diagnostics;
using MultiTask.Metrics;
using TorchSharp;
using static TorchSharp.torch;

namespace MultiTask.Tasks;

/// <summary>Yes or no to each of several labels for each sample: a logit a label and binary cross entropy.</summary>
/// <remarks>
/// <para>Outputs and targets are <c>[n, L]</c>. Targets are Bool; Int64 with 0, 1 and -100 where missing; or floating point from 0
/// to 1 (probabilities are allowed), <c>NaN</c> where missing. Each entry is a label of its own and may be missing alone.</para>
/// <para>As in PyTorch, a positive weight is a factor of a positive label's loss, and not part of the mean's denominator.</para>
/// <para>Metrics: macro and micro F1, ROC-AUC and average precision (means over the labels), accuracy, log loss.</para>
/// </remarks>
public sealed class MultiLabelTask : LearningTask
{
    private readonly HostVector? positiveWeights;

    /// <summary>A multi-label classification.</summary>
    /// <param name="name">The task's name: not empty, no dot.</param>
    /// <param name="head">Gives a logit for each label: <c>[n, L]</c>.</param>
    /// <param name="positiveWeights">For each label, how much more a positive counts than a negative; greater than 0, 1 by default.</param>
    /// <exception cref="ArgumentOutOfRangeException">A weight is not positive and finite.</exception>
    public MultiLabelTask(string name, nn.Module<Tensor, Tensor> head, IReadOnlyList<double>? positiveWeights = null)
        : base(name, head) =>
        this.positiveWeights = HostVector.From(Name, positiveWeights, "positive weights", positive: true);

    /// <inheritdoc/>
    public override Likelihood Likelihood => Likelihood.Categorical;

    /// <inheritdoc/>
    public override IReadOnlyList<Metric> CreateMetrics() =>
    [
        new F1(Averaging.Macro), new F1(Averaging.Micro), new RocAuc(), new AveragePrecision(), new Accuracy(), new LogLoss(),
    ];

    /// <inheritdoc/>
    protected override (Tensor Output, Tensor Target) Align(Tensor output, Tensor target)
    {
        if (!YesNo.Fits(target.dtype))
        {
            throw Mismatch(YesNo.Expected, $"{target.dtype}");
        }

        if (output.dim() != 2 || !Shape.Same(output, target))
        {
            throw Mismatch("output and targets should have the same shape [n, L]", $"output {Shape.Of(output)} and targets {Shape.Of(target)}");
        }

        return positiveWeights is null || positiveWeights.Count == output.shape[1]
            ? (output, target)
            : throw Mismatch($"with {positiveWeights.Count} positive weights the output should have shape [n, {positiveWeights.Count}]", $"output {Shape.Of(output)}");
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
        YesNo.Losses(labels.Output, labels.Target, positiveWeights is null ? null : labels.Spread(positiveWeights.Like(labels.Output)), reduction);

    /// <inheritdoc/>
    private protected override Tensor LossOfAll(Tensor output, Tensor target) =>
        YesNo.Losses(output, target, positiveWeights?.Like(output), nn.Reduction.Mean);
}
