using MultiTask.Diagnostics;
using MultiTask.Tasks;
using static TorchSharp.torch;

namespace MultiTask.Metrics;

/// <summary>Brings raw outputs into the form in which they answer labels one to one.</summary>
internal static class Answers
{
    /// <summary>Outputs that are a value or a logit for each label, in the labels' shape.</summary>
    /// <exception cref="ArgumentException">There is not one output for each label.</exception>
    public static Tensor OneEach(Metric metric, Tensor output, Tensor target) =>
        LabelShape.TryMatch(output, target, out var answers)
            ? answers.detach()
            : throw Mismatch(metric, "outputs should have the targets' shape, or [n, 1] for [n]", output, target);

    /// <summary>Outputs that are a logit for each label, in the labels' shape, or else a logit for each label and class, classes last.</summary>
    /// <exception cref="ArgumentException">They are neither.</exception>
    public static Tensor OneEachOrClasses(Metric metric, Tensor output, Tensor target, int classDimension)
    {
        if (LabelShape.TryMatch(output, target, out var answers))
        {
            return answers.detach();
        }

        if (target.dim() > 0 && output.dim() == target.dim() + 1)
        {
            var scores = classDimension is -1 || output.dim() == 2 ? output : movedim(output, classDimension, -1);
            if (scores.shape.AsSpan(..^1).SequenceEqual(target.shape))
            {
                return scores.detach();
            }
        }

        throw Mismatch(
            metric, $"outputs should have the targets' shape, or that and a logit for each class along dimension {classDimension}", output, target);
    }

    private static ArgumentException Mismatch(Metric metric, string expected, Tensor output, Tensor target) =>
        new($"Metric '{metric.Name}': {expected}. Found output {Shape.Of(output)} and targets {Shape.Of(target)}.");
}
