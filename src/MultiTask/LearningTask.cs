using System.Runtime.InteropServices;
using MultiTask.Diagnostics;
using MultiTask.Metrics;
using MultiTask.Tasks;
using TorchSharp;
using static TorchSharp.torch;

namespace MultiTask;

/// <summary>
/// One thing to learn: a name, a head on the shared representation, a loss and the metrics that judge it.
/// </summary>
/// <remarks>
/// <para>The kinds live in <see cref="Tasks"/>; the factories here are the short way to them. A kind says what its targets look
/// like, what one label costs, and which metrics are usual; masks for missing labels, sample weights and averaging are
/// done once, here.</para>
/// <para>The loss is <c>Σ s·c·ℓ / Σ s·c</c> over the labels that are present, where <c>ℓ</c> is a label's loss, <c>s</c> its
/// sample's weight and <c>c</c> its class's weight, each 1 unless given. That is PyTorch's <c>reduction='mean'</c>.</para>
/// <para>A task holds a module, but disposes nothing: the head belongs to the model that gets the task.</para>
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
    /// <exception cref="ArgumentOutOfRangeException">The weight is not positive and finite.</exception>
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

    /// <summary>
    /// Makes fresh metrics to judge this task by, in place of the kind's own (<see cref="CreateMetrics"/>); the first is the main
    /// one. None, the default, means the kind's own.
    /// </summary>
    public Func<IReadOnlyList<Metric>>? Metrics { get; init; }

    /// <summary>The noise that the loss assumes on the labels; uncertainty weighting depends on it.</summary>
    public abstract Likelihood Likelihood { get; }

    /// <summary>One number, or several, for each sample.</summary>
    /// <param name="name">The task's name: not empty, no dot.</param>
    /// <param name="head">Gives <c>[n]</c>, <c>[n, 1]</c> or <c>[n, d]</c>.</param>
    /// <param name="loss">Squared error by default.</param>
    /// <param name="weight">How much the task matters: <see cref="Weight"/>.</param>
    /// <param name="adapter">For inputs of this task's own: <see cref="Adapter"/>.</param>
    /// <param name="metrics">Metrics of your own in place of the usual ones: <see cref="Metrics"/>.</param>
    public static RegressionTask Regression(
        string name,
        nn.Module<Tensor, Tensor> head,
        RegressionLoss? loss = null,
        double weight = 1,
        Encoder? adapter = null,
        Func<IReadOnlyList<Metric>>? metrics = null) =>
        new(name, head, loss) { Weight = weight, Adapter = adapter, Metrics = metrics };

    /// <summary>Yes or no for each sample.</summary>
    /// <param name="name">The task's name: not empty, no dot.</param>
    /// <param name="head">Gives one logit: <c>[n]</c> or <c>[n, 1]</c>.</param>
    /// <param name="positiveWeight">How much more a positive label counts than a negative one; greater than 0, 1 by default.</param>
    /// <param name="weight">How much the task matters: <see cref="Weight"/>.</param>
    /// <param name="adapter">For inputs of this task's own: <see cref="Adapter"/>.</param>
    /// <param name="metrics">Metrics of your own in place of the usual ones: <see cref="Metrics"/>.</param>
    public static BinaryTask Binary(
        string name,
        nn.Module<Tensor, Tensor> head,
        double? positiveWeight = null,
        double weight = 1,
        Encoder? adapter = null,
        Func<IReadOnlyList<Metric>>? metrics = null) =>
        new(name, head, positiveWeight) { Weight = weight, Adapter = adapter, Metrics = metrics };

    /// <summary>One of several classes for each sample, or for each pixel of it.</summary>
    /// <param name="name">The task's name: not empty, no dot.</param>
    /// <param name="head">Gives a logit for each class: <c>[n, C]</c>, or <c>[n, C, …]</c> with a label at every position.</param>
    /// <param name="classWeights">How much a label of each class counts, ≥ 0; 1 by default.</param>
    /// <param name="labelSmoothing">From 0, the default, to below 1.</param>
    /// <param name="weight">How much the task matters: <see cref="Weight"/>.</param>
    /// <param name="adapter">For inputs of this task's own: <see cref="Adapter"/>.</param>
    /// <param name="metrics">Metrics of your own in place of the usual ones: <see cref="Metrics"/>.</param>
    public static ClassificationTask Classification(
        string name,
        nn.Module<Tensor, Tensor> head,
        IReadOnlyList<double>? classWeights = null,
        double labelSmoothing = 0,
        double weight = 1,
        Encoder? adapter = null,
        Func<IReadOnlyList<Metric>>? metrics = null) =>
        new(name, head, classWeights, labelSmoothing) { Weight = weight, Adapter = adapter, Metrics = metrics };

    /// <summary>Yes or no to each of several labels for each sample.</summary>
    /// <param name="name">The task's name: not empty, no dot.</param>
    /// <param name="head">Gives a logit for each label: <c>[n, L]</c>.</param>
    /// <param name="positiveWeights">For each label, how much more a positive counts than a negative; greater than 0, 1 by default.</param>
    /// <param name="weight">How much the task matters: <see cref="Weight"/>.</param>
    /// <param name="adapter">For inputs of this task's own: <see cref="Adapter"/>.</param>
    /// <param name="metrics">Metrics of your own in place of the usual ones: <see cref="Metrics"/>.</param>
    public static MultiLabelTask MultiLabel(
        string name,
        nn.Module<Tensor, Tensor> head,
        IReadOnlyList<double>? positiveWeights = null,
        double weight = 1,
        Encoder? adapter = null,
        Func<IReadOnlyList<Metric>>? metrics = null) =>
        new(name, head, positiveWeights) { Weight = weight, Adapter = adapter, Metrics = metrics };

    /// <summary>One of several classes for each token of a sequence.</summary>
    /// <param name="name">The task's name: not empty, no dot.</param>
    /// <param name="head">Gives a logit for each token and class: <c>[n, t, C]</c>.</param>
    /// <param name="classWeights">How much a label of each class counts, ≥ 0; 1 by default.</param>
    /// <param name="labelSmoothing">From 0, the default, to below 1.</param>
    /// <param name="weight">How much the task matters: <see cref="Weight"/>.</param>
    /// <param name="adapter">For inputs of this task's own: <see cref="Adapter"/>.</param>
    /// <param name="metrics">Metrics of your own in place of the usual ones: <see cref="Metrics"/>.</param>
    public static TokenTaggingTask TokenTagging(
        string name,
        nn.Module<Tensor, Tensor> head,
        IReadOnlyList<double>? classWeights = null,
        double labelSmoothing = 0,
        double weight = 1,
        Encoder? adapter = null,
        Func<IReadOnlyList<Metric>>? metrics = null) =>
        new(name, head, classWeights, labelSmoothing) { Weight = weight, Adapter = adapter, Metrics = metrics };

    /// <summary>The next token at each position of a sequence.</summary>
    /// <param name="name">The task's name: not empty, no dot.</param>
    /// <param name="head">Gives a logit for each position and word of the vocabulary: <c>[n, t, V]</c>.</param>
    /// <param name="labelSmoothing">From 0, the default, to below 1.</param>
    /// <param name="weight">How much the task matters: <see cref="Weight"/>.</param>
    /// <param name="adapter">For inputs of this task's own: <see cref="Adapter"/>.</param>
    /// <param name="metrics">Metrics of your own in place of the usual ones: <see cref="Metrics"/>.</param>
    public static LanguageModelingTask LanguageModeling(
        string name,
        nn.Module<Tensor, Tensor> head,
        double labelSmoothing = 0,
        double weight = 1,
        Encoder? adapter = null,
        Func<IReadOnlyList<Metric>>? metrics = null) =>
        new(name, head, labelSmoothing) { Weight = weight, Adapter = adapter, Metrics = metrics };

    /// <summary>A loss of your own.</summary>
    /// <param name="name">The task's name: not empty, no dot.</param>
    /// <param name="head">Gives what <paramref name="loss"/> reads, samples first.</param>
    /// <param name="loss">From output and target to their mean loss, a scalar, or to one loss for each sample, <c>[n]</c>. Samples without a label are left out before.</param>
    /// <param name="metrics">Makes fresh metrics; none by default.</param>
    /// <param name="likelihood">The noise that the loss assumes on the labels; Gaussian by default.</param>
    /// <param name="weight">How much the task matters: <see cref="Weight"/>.</param>
    /// <param name="adapter">For inputs of this task's own: <see cref="Adapter"/>.</param>
    public static CustomTask Custom(
        string name,
        nn.Module<Tensor, Tensor> head,
        Func<Tensor, Tensor, Tensor> loss,
        Func<IReadOnlyList<Metric>>? metrics = null,
        Likelihood likelihood = Likelihood.Gaussian,
        double weight = 1,
        Encoder? adapter = null) =>
        new(name, head, loss, metrics, likelihood) { Weight = weight, Adapter = adapter };

    /// <summary>Fresh metrics of this kind of task, empty; the first is the kind's main one. <see cref="Metrics"/> takes their place.</summary>
    public abstract IReadOnlyList<Metric> CreateMetrics();

    /// <summary>Checks that an output and its targets fit each other and this kind of task.</summary>
    /// <remarks>
    /// Reads every label, so it is for the first batch and for error messages, not for every step.
    /// <see cref="Loss"/> checks shapes and dtypes itself, which costs next to nothing.
    /// </remarks>
    /// <param name="output">The head's output.</param>
    /// <param name="target">The labels.</param>
    /// <exception cref="ArgumentException">Shape, dtype, device or range are wrong; the message names the task, what was expected and what was found.</exception>
    public void Check(Tensor output, Tensor target)
    {
        ArgumentNullException.ThrowIfNull(output);
        ArgumentNullException.ThrowIfNull(target);
        using var scope = NewDisposeScope();
        if (output.device_type != target.device_type || output.device_index != target.device_index)
        {
            throw Mismatch("output and targets should be on one device", $"{output.device} and {target.device}");
        }

        var (answers, labels) = Align(output, target);
        CheckLabels(answers, labels);
    }

    /// <summary>The mean loss over the labels that are present.</summary>
    /// <param name="output">The head's output.</param>
    /// <param name="target">The labels; missing ones are marked as <see cref="MissingLabels"/> says.</param>
    /// <param name="weights">A weight ≥ 0 for each sample, shape <c>[n]</c>; the mean is then a weighted one. None means 1.</param>
    /// <returns>A scalar, or <c>null</c> when no label is present (or all present ones have weight 0).</returns>
    /// <exception cref="ArgumentException">Shape or dtype are wrong, or a class is out of range; the message names the task, what was expected and what was found.</exception>
    public Tensor? Loss(Tensor output, Tensor target, Tensor? weights = null)
    {
        ArgumentNullException.ThrowIfNull(output);
        ArgumentNullException.ThrowIfNull(target);
        using var scope = NewDisposeScope();
        var (answers, labels) = Align(output, target);
        try
        {
            return MeanLoss(answers, labels, weights)?.MoveToOuterDisposeScope();
        }
        catch (ExternalException)
        {
            Check(output, target); // knows better than the native library what is wrong, if the labels are
            throw;
        }
    }

    /// <summary>How many labels of this task the targets hold.</summary>
    /// <param name="target">The labels.</param>
    public virtual long CountLabels(Tensor target) => MissingLabels.Count(target);

    /// <summary>
    /// The denominator of the mean loss: by it the losses of several batches make the loss of their union. A kind that gives
    /// labels weights of their own (<see cref="LabelWeights"/>) overrides it.
    /// </summary>
    /// <param name="labels">How many labels there are: <see cref="CountLabels"/>.</param>
    /// <param name="target">The labels.</param>
    /// <param name="weights">A weight ≥ 0 for each sample, shape <c>[n]</c>. None means 1.</param>
    /// <returns>The sum of the labels' weights, by default; their number where they have none.</returns>
    protected internal virtual double TotalWeight(long labels, Tensor target, Tensor? weights)
    {
        if (weights is null)
        {
            return labels;
        }

        using var scope = NewDisposeScope();
        return PresentLabels.Of(target, target, Present(target)).OfSamples(weights, ScalarType.Float64).sum().ToDouble();
    }

    /// <summary>
    /// Brings outputs and labels into the form in which the labels' shape begins the outputs' shape, so that each label has its
    /// answer at the same index; for example output <c>[n, 1]</c> and target <c>[n]</c> to <c>[n]</c> and <c>[n]</c>.
    /// </summary>
    /// <remarks>Runs at every step: shapes and dtypes are checked here, values are not.</remarks>
    /// <param name="output">The head's output.</param>
    /// <param name="target">The labels as the caller has them.</param>
    /// <exception cref="ArgumentException">Shape or dtype are wrong.</exception>
    protected abstract (Tensor Output, Tensor Target) Align(Tensor output, Tensor target);

    /// <summary>Checks the values of the labels; any value will do by default.</summary>
    /// <param name="output">The aligned outputs.</param>
    /// <param name="target">The aligned labels.</param>
    /// <exception cref="ArgumentException">A label is out of range.</exception>
    protected virtual void CheckLabels(Tensor output, Tensor target)
    {
    }

    /// <summary>Which labels are present.</summary>
    /// <param name="target">The aligned labels.</param>
    /// <returns>Booleans, whose shape is, or begins, the labels' shape; or <c>null</c> where all are present.</returns>
    protected virtual Tensor? Present(Tensor target) => MissingLabels.Any(target) ? MissingLabels.Present(target) : null;

    /// <summary>What the labels cost that are present, before sample weights.</summary>
    /// <param name="labels">The labels, at least one, and their outputs.</param>
    /// <param name="reduction"><c>None</c>: one loss for each label, <c>[k]</c>. <c>Mean</c>: the plain mean of those, a scalar.</param>
    protected abstract Tensor LabelLosses(PresentLabels labels, nn.Reduction reduction);

    /// <summary>
    /// What each label counts in the mean's denominator, such as the weight of its class; <see cref="LabelLosses"/> without reduction
    /// has it as a factor already. None, the default, means 1.
    /// </summary>
    /// <param name="labels">The labels, at least one, and their outputs.</param>
    /// <returns>Weights ≥ 0, <c>[k]</c>, or <c>null</c>.</returns>
    protected virtual Tensor? LabelWeights(PresentLabels labels) => null;

    /// <summary>An error in the words that all of them use: "Task 'age': {expected}. Found {found}."</summary>
    /// <param name="expected">What should be, such as "the targets should be floating point".</param>
    /// <param name="found">What is, such as "Int64".</param>
    protected ArgumentException Mismatch(string expected, string found) => new($"Task '{Name}': {expected}. Found {found}.");

    /// <summary>The metrics to judge by: the task's own, or the kind's.</summary>
    internal IReadOnlyList<Metric> FreshMetrics() => Metrics?.Invoke() ?? CreateMetrics();

    /// <summary>The plain mean over labels that are all present, where it takes no row of labels; <c>null</c>, the default, where it does.</summary>
    /// <param name="output">The aligned outputs.</param>
    /// <param name="target">The aligned labels, at least one.</param>
    private protected virtual Tensor? LossOfAll(Tensor output, Tensor target) => null;

    private Tensor? MeanLoss(Tensor output, Tensor target, Tensor? weights)
    {
        var present = Present(target);
        if (present is null && weights is null && target.numel() > 0 && LossOfAll(output, target) is { } mean)
        {
            return mean;
        }

        var labels = PresentLabels.Of(output, target, present);
        if (labels.Count == 0)
        {
            return null;
        }

        var sampleWeights = weights is null ? null : labels.OfSamples(CheckedWeights(weights, output), output.dtype);
        var labelWeights = LabelWeights(labels);
        return (sampleWeights, labelWeights) switch
        {
            (null, null) => LabelLosses(labels, nn.Reduction.Mean),
            (null, { } c) => Ratio(LabelLosses(labels, nn.Reduction.None).sum(), c.sum()),
            ({ } s, null) => Ratio(LabelLosses(labels, nn.Reduction.None).mul(s).sum(), s.sum()),
            ({ } s, { } c) => Ratio(LabelLosses(labels, nn.Reduction.None).mul(s).sum(), c.mul(s).sum()),
        };
    }

    private static Tensor? Ratio(Tensor losses, Tensor weight) => weight.ToDouble() == 0 ? null : losses.div(weight);

    private Tensor CheckedWeights(Tensor weights, Tensor output) => weights.dim() == 1 && weights.shape[0] == output.shape[0]
        ? weights
        : throw Mismatch($"sample weights should have shape [{output.shape[0]}]", $"shape {Shape.Of(weights)}");
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
