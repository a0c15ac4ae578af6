using MultiTask.Diagnostics;
using MultiTask.Metrics;
using TorchSharp;
using static TorchSharp.torch;

namespace MultiTask.Tasks;

/// <summary>A loss of your own.</summary>
/// <remarks>
/// <para>Outputs and targets are what the loss reads, samples first, equally many. A sample whose label is wholly missing (all of
/// its entries are marked as <see cref="MissingLabels"/> says) is left out before the loss is called; a sample whose label
/// is missing in part is kept, and the marks in it are the loss's to handle.</para>
/// <para>The loss returns the mean, a scalar, or one loss for each sample that it was given, <c>[n]</c>. Sample weights need the latter.</para>
/// </remarks>
public sealed class CustomTask : LearningTask
{
    private readonly Func<Tensor, Tensor, Tensor> loss;
    private readonly Func<IReadOnlyList<Metric>> metrics;

    /// <summary>A task with a loss of your own.</summary>
    /// <param name="name">The task's name: not empty, no dot.</param>
    /// <param name="head">Gives what <paramref name="loss"/> reads, samples first.</param>
    /// <param name="loss">From output and target to their mean loss, a scalar, or to one loss for each sample, <c>[n]</c>.</param>
    /// <param name="metrics">Makes fresh metrics; none by default.</param>
    /// <param name="likelihood">The noise that the loss assumes on the labels; Gaussian by default.</param>
    public CustomTask(
        string name,
        nn.Module<Tensor, Tensor> head,
        Func<Tensor, Tensor, Tensor> loss,
        Func<IReadOnlyList<Metric>>? metrics = null,
        Likelihood likelihood = Likelihood.Gaussian)
        : base(name, head)
    {
        ArgumentNullException.ThrowIfNull(loss);
        this.loss = loss;
        this.metrics = metrics ?? (() => []);
        Likelihood = likelihood;
    }

    /// <inheritdoc/>
    public override Likelihood Likelihood { get; }

    /// <inheritdoc/>
    public override IReadOnlyList<Metric> CreateMetrics() => metrics();

    /// <summary>How many samples have a label, or a part of one.</summary>
    /// <param name="target">The labels, samples first.</param>
    public override long CountLabels(Tensor target)
    {
        using var scope = NewDisposeScope();
        return Rows(target).sum().ToInt64();
    }

    /// <inheritdoc/>
    protected override (Tensor Output, Tensor Target) Align(Tensor output, Tensor target) =>
        output.dim() > 0 && target.dim() > 0 && output.shape[0] == target.shape[0]
            ? (output, target)
            : throw Mismatch("output and targets should have the samples first, equally many", $"output {Shape.Of(output)} and targets {Shape.Of(target)}");

    /// <inheritdoc/>
    protected override Tensor? Present(Tensor target) => Rows(target);

    /// <summary>Whether a sample has a label, or a part of one.</summary>
    private static Tensor Rows(Tensor target)
    {
        var present = MissingLabels.Present(target);
        return present.dim() == 1 ? present : present.flatten(1).any(1);
    }

    /// <inheritdoc/>
    protected override Tensor LabelLosses(PresentLabels labels, nn.Reduction reduction)
    {
        var result = loss(labels.Output, labels.Target)
            ?? throw Mismatch("the loss should return a tensor", "null");
        return (result.dim(), reduction) switch
        {
            (0, nn.Reduction.Mean) => result.alias(),
            (0, _) => throw Mismatch("with sample weights the loss should return one loss for each sample", "a scalar"),
            (1, _) when result.shape[0] != labels.Count => throw Unexpected(labels, result),
            (1, nn.Reduction.Mean) => result.mean(),
            (1, _) => result,
            _ => throw Unexpected(labels, result),
        };
    }

    private ArgumentException Unexpected(PresentLabels labels, Tensor result) =>
        Mismatch($"the loss should return a scalar or shape [{labels.Count}]", $"shape {Shape.Of(result)}");
}
