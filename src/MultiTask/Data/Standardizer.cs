using MultiTask.Diagnostics;
using static TorchSharp.torch;

namespace MultiTask.Data;

/// <summary>Brings inputs, and the targets of regression tasks, to mean 0 and standard deviation 1, and predictions back.</summary>
/// <remarks>
/// <code>
/// var scale = Standardizer.Fit(train, "age");        // the inputs, and the targets of "age"
/// using var standardized = scale.Apply(train);
/// var years = scale.Invert("age", outputs["age"]);
/// </code>
/// Fit it to the training part only, and apply it to all parts: what it learnt from the others would make their results
/// look better than they are. Integer and boolean inputs are left as they are. A constant column becomes 0. Missing labels
/// are passed over and stay missing. <b>Missing inputs are refused</b>: whether to drop, fill or flag them is the caller's decision.
/// </remarks>
public sealed class Standardizer
{
    /// <summary>A standardizer from statistics, for instance read back from a file.</summary>
    /// <param name="inputs">For each input tensor its statistics, or <c>null</c> to leave it as it is.</param>
    /// <param name="targets">Statistics of the tasks whose targets are standardized.</param>
    public Standardizer(IEnumerable<ColumnStatistics?> inputs, TaskMap<ColumnStatistics> targets)
    {
        ArgumentNullException.ThrowIfNull(inputs);
        ArgumentNullException.ThrowIfNull(targets);
        Inputs = [.. inputs];
        Targets = targets;
    }

    /// <summary>For each input tensor its statistics; <c>null</c> for one that is left as it is.</summary>
    public IReadOnlyList<ColumnStatistics?> Inputs { get; }

    /// <summary>Statistics of the tasks whose targets are standardized.</summary>
    public TaskMap<ColumnStatistics> Targets { get; }

    /// <summary>Learns means and deviations.</summary>
    /// <param name="train">The data to train on.</param>
    /// <param name="tasks">The regression tasks whose targets are to be standardized; none by default.</param>
    /// <exception cref="KeyNotFoundException">The data lack a task.</exception>
    /// <exception cref="ArgumentException">An input is NaN or infinite, a task's targets are not floating-point, infinite, or all missing.</exception>
    public static Standardizer Fit(MultiTaskDataset train, params IEnumerable<string> tasks)
    {
        ArgumentNullException.ThrowIfNull(train);
        ArgumentNullException.ThrowIfNull(tasks);
        return new(
            train.Inputs.Select((input, i) => input.is_floating_point() ? ColumnMoments.OfInput(input, i) : null),
            TaskMap.Create(tasks.Select(task => (task, ColumnMoments.OfTarget(train.Targets[task], task)))));
    }

    /// <summary>Standardizes a data set.</summary>
    /// <param name="data">Data with inputs as at the fit; tasks that it lacks are passed over.</param>
    /// <returns>A new data set that owns its tensors.</returns>
    /// <exception cref="ArgumentException">The inputs have another shape than at the fit, or one is NaN or infinite.</exception>
    public MultiTaskDataset Apply(MultiTaskDataset data)
    {
        ArgumentNullException.ThrowIfNull(data);
        return MultiTaskDataset.Make(() => (
            Apply(data.Inputs),
            data.Targets.Map((task, target) => Targets.TryGetValue(task, out var statistics)
                ? Standardized(target, statistics, $"Task '{task}'")
                : target.alias()),
            data.Weights.Map((_, weight) => weight.alias())));
    }

    /// <summary>Standardizes inputs, as for a prediction.</summary>
    /// <param name="inputs">Inputs as at the fit.</param>
    /// <returns>New tensors, of the current dispose scope.</returns>
    /// <exception cref="ArgumentException">The inputs have another shape than at the fit, or one is NaN or infinite.</exception>
    public Inputs Apply(Inputs inputs)
    {
        ArgumentNullException.ThrowIfNull(inputs);
        if (inputs.Count != Inputs.Count)
        {
            throw new ArgumentException($"There should be {Inputs.Count} input tensors, as at the fit. Found {inputs.Count}.", nameof(inputs));
        }

        return MultiTask.Inputs.Create([.. inputs.Select((input, i) => Inputs[i] is { } statistics ? Standardized(input, statistics, i) : input.alias())]);
    }

    /// <summary>Brings predictions of a task, made by a network that was trained on standardized targets, back to the original unit.</summary>
    /// <param name="task">A task that was named at the fit.</param>
    /// <param name="predictions">Predictions, <c>[n, …]</c> with a sample's shape behind; for a task with one number a sample any shape.</param>
    /// <returns>A new tensor of the same shape, of the current dispose scope.</returns>
    /// <exception cref="KeyNotFoundException">The task was not named at the fit.</exception>
    /// <exception cref="ArgumentException">The predictions do not have the shape of the targets at the fit.</exception>
    public Tensor Invert(string task, Tensor predictions)
    {
        ArgumentNullException.ThrowIfNull(predictions);
        var statistics = Targets[task];
        if (statistics.Mean.Count > 1)
        {
            ExpectShape(predictions, statistics, $"Task '{task}'");
        }

        using var mean = Like(predictions, statistics.Mean, statistics);
        using var deviation = Like(predictions, statistics.Deviation, statistics);
        return predictions.mul(deviation).add_(mean);
    }

    private static Tensor Standardized(Tensor input, ColumnStatistics statistics, int index)
    {
        ColumnMoments.ExpectFinite(input, index);
        return Standardized(input, statistics, $"Input {index}");
    }

    private static Tensor Standardized(Tensor values, ColumnStatistics statistics, string what)
    {
        ExpectShape(values, statistics, what);
        using var mean = Like(values, statistics.Mean, statistics);
        using var divisor = Like(values, statistics.Deviation.Select(d => d > 0 ? d : 1), statistics);
        return values.sub(mean).div_(divisor);
    }

    /// <summary>One number a column in the dtype of other values, on their device; a single one spreads over any shape.</summary>
    private static Tensor Like(Tensor values, IEnumerable<double> numbers, ColumnStatistics statistics)
    {
        long[] shape = statistics.Mean.Count == 1 ? [] : [.. statistics.Shape];
        return tensor(numbers.ToArray(), shape, dtype: values.dtype, device: values.device);
    }

    private static void ExpectShape(Tensor values, ColumnStatistics statistics, string what)
    {
        if (!values.is_floating_point() || !values.shape[1..].SequenceEqual(statistics.Shape))
        {
            throw new ArgumentException(
                $"{what}: there should be floating-point samples of shape {Shape.Text(statistics.Shape)}, as at the fit. " +
                $"Found {values.dtype} of shape {Shape.Of(values)}.");
        }
    }
}
