using static TorchSharp.torch;

namespace MultiTask.Training;

/// <summary>The labels that a task has in a batch.</summary>
/// <param name="Count">How many.</param>
/// <param name="Weight">What they weigh together: the denominator of their mean loss.</param>
internal readonly record struct LabelTotal(long Count, double Weight)
{
    /// <summary>Those of one part of a batch.</summary>
    public static LabelTotal Of(LearningTask task, Tensor target, Tensor? weights)
    {
        var count = task.CountLabels(target);
        return new(count, count == 0 ? 0 : task.TotalWeight(count, target, weights));
    }

    public static LabelTotal operator +(LabelTotal a, LabelTotal b) => new(a.Count + b.Count, a.Weight + b.Weight);
}
