using MultiTask.Diagnostics;
using static TorchSharp.torch;

namespace MultiTask;

/// <summary>
/// The data of one step: inputs, and for each task its labels. Either all tasks read the same samples (one part), or
/// tasks bring samples of their own (several parts).
/// </summary>
/// <remarks>
/// A sample may lack any task's label: <see cref="MissingLabels"/> says how that is written. A task that is absent from
/// every part, or has no label in any, is absent from the step. The batch does not own its tensors.
/// </remarks>
public sealed class MultiTaskBatch
{
    /// <summary>A batch in which all tasks read the same samples.</summary>
    /// <param name="inputs">The inputs, <c>n</c> samples.</param>
    /// <param name="targets">For each task its labels, <c>n</c> along the first dimension.</param>
    /// <param name="weights">For some or all tasks, a weight ≥ 0 for each sample, shape <c>[n]</c>; a task without has 1 everywhere.</param>
    /// <exception cref="ArgumentException">The batch is empty, or a task's labels or weights are not <c>n</c> many.</exception>
    public MultiTaskBatch(Inputs inputs, TaskMap<Tensor> targets, TaskMap<Tensor>? weights = null)
        : this([new BatchPart(inputs, targets, weights)])
    {
    }

    /// <summary>A batch of several parts, each with its own samples.</summary>
    /// <param name="parts">At least one part. A task may be in several: its loss is the mean over all its labels.</param>
    /// <exception cref="ArgumentException">There is no part.</exception>
    public MultiTaskBatch(IEnumerable<BatchPart> parts)
    {
        ArgumentNullException.ThrowIfNull(parts);
        Parts = [.. parts];
        if (Parts.Count == 0 || Parts.Contains(null!))
        {
            throw new ArgumentException($"A batch should have at least one part. Found {(Parts.Count == 0 ? "none" : "null")}.", nameof(parts));
        }
    }

    /// <summary>The parts, at least one.</summary>
    public IReadOnlyList<BatchPart> Parts { get; }

    /// <summary>The number of samples of all parts together.</summary>
    public long Samples => Parts.Sum(p => p.Inputs.Samples);

    /// <summary>The batch on a device.</summary>
    /// <param name="device">The device.</param>
    /// <returns>New tensors of the current dispose scope, which share memory with these where nothing had to move.</returns>
    public MultiTaskBatch To(Device device)
    {
        ArgumentNullException.ThrowIfNull(device);
        return new(Parts.Select(part => part.To(device)));
    }
}

/// <summary>Samples that several tasks, or one, read together.</summary>
public sealed class BatchPart
{
    /// <summary>A part of a batch.</summary>
    /// <param name="inputs">The inputs, <c>n</c> samples.</param>
    /// <param name="targets">For each task its labels, <c>n</c> along the first dimension.</param>
    /// <param name="weights">For some or all tasks, a weight ≥ 0 for each sample, shape <c>[n]</c>; a task without has 1 everywhere.</param>
    /// <exception cref="ArgumentException">The part is empty, or a task's labels or weights are not <c>n</c> many.</exception>
    public BatchPart(Inputs inputs, TaskMap<Tensor> targets, TaskMap<Tensor>? weights = null)
    {
        ArgumentNullException.ThrowIfNull(inputs);
        ArgumentNullException.ThrowIfNull(targets);
        if (inputs.Samples == 0)
        {
            throw new ArgumentException($"A batch should have at least one sample. Found inputs of shape {Shape.Of(inputs[0])}.", nameof(inputs));
        }

        foreach (var (task, target) in targets)
        {
            if (target.dim() == 0 || target.size(0) != inputs.Samples)
            {
                throw new ArgumentException(
                    $"Task '{task}': there should be a label for each of the {inputs.Samples} samples (a missing one is marked, not left out). " +
                    $"Found targets of shape {Shape.Of(target)}.",
                    nameof(targets));
            }
        }

        foreach (var (task, weight) in weights ?? [])
        {
            if (weight.dim() != 1 || weight.size(0) != inputs.Samples || !targets.Contains(task))
            {
                throw new ArgumentException(
                    $"Task '{task}': sample weights should have shape [{inputs.Samples}] and belong to one of {TaskNames.List(targets.Tasks)}. " +
                    $"Found shape {Shape.Of(weight)}.",
                    nameof(weights));
            }
        }

        Inputs = inputs;
        Targets = targets;
        Weights = weights ?? [];
    }

    /// <summary>The inputs, <c>n</c> samples.</summary>
    public Inputs Inputs { get; }

    /// <summary>For each task its labels, <c>n</c> along the first dimension.</summary>
    public TaskMap<Tensor> Targets { get; }

    /// <summary>Sample weights, <c>[n]</c>, of the tasks that have them.</summary>
    public TaskMap<Tensor> Weights { get; }

    /// <summary>The part on a device.</summary>
    /// <param name="device">The device.</param>
    /// <returns>New tensors of the current dispose scope, which share memory with these where nothing had to move.</returns>
    public BatchPart To(Device device)
    {
        ArgumentNullException.ThrowIfNull(device);
        return new(
            Inputs.Map(input => input.to(device)),
            Targets.Map((_, target) => target.to(device)),
            Weights.Map((_, weight) => weight.to(device)));
    }
}
