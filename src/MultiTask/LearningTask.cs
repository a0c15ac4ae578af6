using MultiTask.Metrics;
using TorchSharp;
using static TorchSharp.torch;

namespace MultiTask;

/// <summary>
/// One thing to learn: a name, a head on the shared representation, a loss and the metrics that judge it.
/// </summary>
/// <remarks>
/// The kinds live in <see cref="Tasks"/>; the factories here are the short way to them. A kind says what its targets look
/// like, what one label costs, and which metrics are usual; masks for missing labels, sample weights and averaging are
/// done once, here.
/// </remarks>
public abstract class LearningTask
{
    /// <summary>A task.</summary>
    /// <param name="name">Its name: not empty, no dot.</param>
    /// <param name="head">Turns the representation, <c>[n, …]</c>, into the task's output. From here on it belongs to the model that gets the task.</param>
    /// <exception cref="ArgumentException">The name is empty or has a dot.</exception>
    protected LearningTask(string name, nn.Module<Tensor, Tensor> head)
    {
        ArgumentNullException.ThrowIfNull(head);
        Name = TaskNames.Checked(name);
        Head = head;
    }

    /// <summary>The task's name.</summary>
    public string Name { get; }

    /// <summary>Turns the representation into the task's output.</summary>
    public nn.Module<Tensor, Tensor> Head { get; }

    /// <summary>
    /// How much the task matters, greater than 0; the default is 1. It counts in reported totals, in model selection and in
    /// balancers that are asked to use it; it does not scale the task's own loss.
    /// </summary>
    public double Weight
    {
        get;
        init => field = value > 0 && double.IsFinite(value)
            ? value
            : throw new ArgumentOutOfRangeException(nameof(value), $"Task '{Name}': the weight should be positive and finite. Found {value}.");
    } = 1;

    /// <summary>
    /// Brings this task's inputs into the trunk's input space, where tasks have inputs of different shapes; none by default.
    /// From here on it belongs to the model that gets the task.
    /// </summary>
    public Encoder? Adapter { get; init; }

    /// <summary>The noise that the loss assumes on the labels; uncertainty weighting depends on it.</summary>
    public abstract Likelihood Likelihood { get; }

    /// <summary>Fresh metrics of this kind of task, empty.</summary>
    public abstract IReadOnlyList<Metric> CreateMetrics();

    /// <summary>Checks that an output and its targets fit each other and this kind of task.</summary>
    /// <param name="output">The head's output.</param>
    /// <param name="target">The labels.</param>
    /// <exception cref="ArgumentException">Shape, dtype or range are wrong; the message names the task, what was expected and what was found.</exception>
    public abstract void Check(Tensor output, Tensor target);

    /// <summary>The mean loss over the labels that are present.</summary>
    /// <param name="output">The head's output.</param>
    /// <param name="target">The labels; missing ones are marked as <see cref="MissingLabels"/> says.</param>
    /// <param name="weights">A weight ≥ 0 for each sample, shape <c>[n]</c>; the mean is then a weighted one. None means 1.</param>
    /// <returns>A scalar, or <c>null</c> when no label is present (or all present ones have weight 0).</returns>
    public abstract Tensor? Loss(Tensor output, Tensor target, Tensor? weights = null);

    /// <summary>How many labels of this task the targets hold.</summary>
    /// <param name="target">The labels.</param>
    public virtual long CountLabels(Tensor target) => MissingLabels.Count(target);
}

/// <summary>The noise that a task's loss assumes on its labels.</summary>
public enum Likelihood
{
    /// <summary>Normal noise: squared error and its robust relatives.</summary>
    Gaussian,

    /// <summary>Double-exponential noise: absolute error.</summary>
    Laplace,

    /// <summary>A discrete distribution: cross entropy of any kind.</summary>
    Categorical,
}
