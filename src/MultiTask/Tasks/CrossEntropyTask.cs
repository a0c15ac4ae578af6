using MultiTask.Diagnostics;
using TorchSharp;
using static TorchSharp.torch;

namespace MultiTask.Tasks;

/// <summary>A task whose labels are classes: softmax cross entropy, with class weights and label smoothing.</summary>
/// <remarks>
/// PyTorch's definition: a label <c>y</c> costs <c>(1 − ε) w_y (−log p_y) + ε/C Σ_c w_c (−log p_c)</c>, and the mean divides by
/// <c>Σ w_y</c>. Targets are Int64, from 0 to <c>C − 1</c>, and -100 where missing.
/// </remarks>
public abstract class CrossEntropyTask : LearningTask
{
    private readonly HostVector? classWeights;
    private readonly double labelSmoothing;

    private protected CrossEntropyTask(
        string name, nn.Module<Tensor, Tensor> head, IReadOnlyList<double>? classWeights, double labelSmoothing)
        : base(name, head)
    {
        if (classWeights is not null && (classWeights.Count < 2 || !classWeights.Any(w => w > 0)))
        {
            throw new ArgumentException(
                Mismatch("class weights should be two or more, and one at least positive", $"[{string.Join(", ", classWeights)}]").Message,
                nameof(classWeights));
        }

        this.classWeights = HostVector.From(Name, classWeights, "class weights", positive: false);
        this.labelSmoothing = labelSmoothing is >= 0 and < 1
            ? labelSmoothing
            : throw new ArgumentOutOfRangeException(
                nameof(labelSmoothing), $"Task '{Name}': label smoothing should be from 0 to below 1. Found {labelSmoothing}.");
    }

    /// <inheritdoc/>
    public sealed override Likelihood Likelihood => Likelihood.Categorical;

    /// <inheritdoc/>
    protected sealed override void CheckLabels(Tensor output, Tensor target)
    {
        var classes = output.shape[^1];
        var wrong = target.lt(0).logical_or_(target.ge(classes)).logical_and_(MissingLabels.Present(target));
        if (wrong.any().ToBoolean())
        {
            throw Mismatch($"classes should be from 0 to {classes - 1}, or {MissingLabels.Class} where missing", Offender.Of(target, wrong));
        }
    }

    /// <inheritdoc/>
    protected sealed override Tensor LabelLosses(PresentLabels labels, nn.Reduction reduction) => nn.functional.cross_entropy(
        labels.Output, labels.Target, classWeights?.Like(labels.Output), reduction: reduction, label_smoothing: labelSmoothing);

    /// <inheritdoc/>
    protected sealed override Tensor? LabelWeights(PresentLabels labels) =>
        classWeights?.Like(labels.Output).index_select(0, labels.Target);

    /// <inheritdoc/>
    protected internal override double TotalWeight(long labels, Tensor target, Tensor? weights)
    {
        if (classWeights is null)
        {
            return base.TotalWeight(labels, target, weights);
        }

        using var scope = NewDisposeScope();
        var classes = target.flatten().cpu().data<long>().ToArray();
        var samples = weights?.to(ScalarType.Float64).cpu().data<double>().ToArray();
        var perSample = classes.Length / target.shape[0];
        return classes.Index().Sum(label => classWeights.At(label.Item) * (samples?[label.Index / perSample] ?? 1));
    }

    /// <summary>Outputs and labels, if the outputs are the labels' shape and a logit for each class.</summary>
    /// <param name="output">The outputs, classes last.</param>
    /// <param name="target">The labels.</param>
    /// <param name="expected">The shapes in words.</param>
    /// <param name="found">The outputs as the head gave them.</param>
    private protected (Tensor Output, Tensor Target) Aligned(Tensor output, Tensor target, string expected, Tensor found)
    {
        if (target.dtype != ScalarType.Int64)
        {
            throw Mismatch($"targets should be classes, Int64, {MissingLabels.Class} where missing", $"{target.dtype}");
        }

        var shape = output.shape;
        if (!output.is_floating_point() || target.dim() == 0 || shape.Length != target.dim() + 1 || !shape.AsSpan(..^1).SequenceEqual(target.shape))
        {
            throw Mismatch(expected, $"output {Shape.Of(found)} ({found.dtype}) and targets {Shape.Of(target)}");
        }

        if (shape[^1] < 2 || (classWeights is not null && shape[^1] != classWeights.Count))
        {
            throw Mismatch(
                classWeights is null ? "the output should have a logit for each of two or more classes" : $"with {classWeights.Count} class weights there should be as many classes",
                $"{shape[^1]} (output {Shape.Of(found)})");
        }

        return (output, target);
    }
}
