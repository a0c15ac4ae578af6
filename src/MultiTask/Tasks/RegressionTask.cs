using MultiTask.Diagnostics;
using MultiTask.Metrics;
using TorchSharp;
using static TorchSharp.torch;

namespace MultiTask.Tasks;

/// <summary>One number, or several, for each sample.</summary>
/// <remarks>
/// <para>Targets are floating point, <c>[n]</c>, <c>[n, d]</c> or larger, <c>NaN</c> where missing, each entry a label of its own.
/// Outputs have the targets' shape; a second dimension of length 1 may be absent from either, so that <c>[n, 1]</c> answers
/// <c>[n]</c>, and nothing is ever broadcast. Targets are converted to the outputs' dtype.</para>
/// <para>Metrics: RMSE, MAE, R².</para>
/// </remarks>
public sealed class RegressionTask : LearningTask
{
    /// <summary>A regression.</summary>
    /// <param name="name">The task's name: not empty, no dot.</param>
    /// <param name="head">Gives <c>[n]</c>, <c>[n, 1]</c> or <c>[n, d]</c>.</param>
    /// <param name="loss">Squared error by default.</param>
    public RegressionTask(string name, nn.Module<Tensor, Tensor> head, RegressionLoss? loss = null)
        : base(name, head) => ErrorLoss = loss ?? RegressionLoss.SquaredError;

    /// <summary>What an error costs.</summary>
    public RegressionLoss ErrorLoss { get; }

    /// <inheritdoc/>
    public override Likelihood Likelihood => ErrorLoss.Likelihood;

    /// <inheritdoc/>
    public override IReadOnlyList<Metric> CreateMetrics() => [new RootMeanSquaredError(), new MeanAbsoluteError(), new R2()];

    /// <inheritdoc/>
    protected override (Tensor Output, Tensor Target) Align(Tensor output, Tensor target)
    {
        if (!target.is_floating_point() || !output.is_floating_point())
        {
            throw Mismatch("output and targets should be floating point", $"{output.dtype} and {target.dtype}");
        }

        return LabelShape.TryMatch(output, target, out var answers)
            ? (answers, target.dtype == output.dtype ? target : target.to_type(output.dtype))
            : throw Mismatch(
                "targets should have shape [n], [n, d] or larger, and outputs the same shape",
                $"output {Shape.Of(output)} and targets {Shape.Of(target)}");
    }

    /// <inheritdoc/>
    protected override void CheckLabels(Tensor output, Tensor target)
    {
        var infinite = target.isinf();
        if (infinite.any().ToBoolean())
        {
            throw Mismatch("targets should be finite, or NaN where missing", Offender.Of(target, infinite));
        }
    }

    /// <inheritdoc/>
    protected override Tensor LabelLosses(PresentLabels labels, nn.Reduction reduction) =>
        ErrorLoss.Of(labels.Output, labels.Target, reduction);

    /// <inheritdoc/>
    private protected override Tensor LossOfAll(Tensor output, Tensor target) => ErrorLoss.Of(output, target, nn.Reduction.Mean);
}
