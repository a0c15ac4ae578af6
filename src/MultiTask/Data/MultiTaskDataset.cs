using static TorchSharp.torch;

namespace MultiTask.Data;

/// <summary>Samples in memory: inputs, and for each task its labels.</summary>
/// <remarks>
/// <para>
/// From tensors by the constructor, from .NET arrays by <see cref="FromArrays"/>, from records by <see cref="From"/>. Data
/// are read through <see cref="Batches"/>; <see cref="Split(double, Splitter?)"/> and <see cref="Folds"/> divide them.
/// </para>
/// <para>
/// <b>Ownership.</b> Tensors that are handed to the constructor stay the caller's: they are never disposed here and have to
/// live as long as the data set is used. Tensors that a data set makes itself (from arrays, from records, a subset, a split,
/// a move to another device or dtype) belong to it: they outlive every dispose scope and go with <see cref="Dispose"/>, or
/// with the garbage collector's finalizer.
/// </para>
/// </remarks>
public sealed class MultiTaskDataset : IDisposable
{
    private readonly BatchPart samples;
    private readonly bool owned;
    private bool disposed;

    /// <summary>A data set of the caller's tensors, which it does not own.</summary>
    /// <param name="inputs">The inputs: one tensor or several, <c>n ≥ 1</c> samples along the first dimension.</param>
    /// <param name="targets">For each task, at least one, its labels, <c>n</c> along the first dimension; missing ones are marked as <see cref="MissingLabels"/> says.</param>
    /// <param name="weights">For some or all tasks, a weight for each sample, shape <c>[n]</c>, finite and at least 0; a task without has 1 everywhere.</param>
    /// <exception cref="ArgumentException">There is no sample or no task, counts differ, tensors lie on several devices, or a weight is out of range.</exception>
    public MultiTaskDataset(Inputs inputs, TaskMap<Tensor> targets, TaskMap<Tensor>? weights = null)
        : this(inputs, targets, weights, owned: false)
    {
    }

    private MultiTaskDataset(Inputs inputs, TaskMap<Tensor> targets, TaskMap<Tensor>? weights, bool owned)
    {
        ArgumentNullException.ThrowIfNull(inputs);
        ArgumentNullException.ThrowIfNull(targets);
        DatasetChecks.NotEmpty(inputs, targets);
        samples = new BatchPart(inputs, targets, weights);
        DatasetChecks.OneDevice(samples);
        DatasetChecks.Weights(samples.Weights);
        this.owned = owned;
        Count = checked((int)inputs.Samples);
    }

    /// <summary>The number of samples, at least 1.</summary>
    public int Count { get; }

    /// <summary>The inputs, <see cref="Count"/> samples.</summary>
    public Inputs Inputs => Alive().Inputs;

    /// <summary>For each task its labels, <see cref="Count"/> along the first dimension.</summary>
    public TaskMap<Tensor> Targets => Alive().Targets;

    /// <summary>Sample weights, shape <c>[Count]</c>, of the tasks that have them.</summary>
    public TaskMap<Tensor> Weights => Alive().Weights;

    /// <summary>The tasks' names, in order.</summary>
    public IReadOnlyList<string> Tasks => samples.Targets.Tasks;

    /// <summary>Where the tensors lie, and hence the batches.</summary>
    public Device Device => Alive().Inputs[0].device;

    /// <summary>For each task the number of labels that are present; each entry of a target with several dimensions is a label.</summary>
    public TaskMap<long> LabelCounts => Targets.Map((_, target) => MissingLabels.Count(target));

    /// <summary>Starts a data set of records, for instance <c>From(people).Input(p => [p.Height, p.Weight]).Target("age", p => p.Age).Build()</c>.</summary>
    /// <typeparam name="T">The type of a record.</typeparam>
    /// <param name="records">One record a sample; enumerated once, by <see cref="RecordDatasetBuilder{T}.Build"/>.</param>
    public static RecordDatasetBuilder<T> From<T>(IEnumerable<T> records) => new(records);

    /// <summary>A data set of .NET arrays, which are copied.</summary>
    /// <remarks>
    /// Samples lie along the first dimension of an array of any rank; an array of arrays of equal length counts as one of rank 2.
    /// <c>float</c> and <c>double</c> become the default dtype (float32 unless changed), integers become int64 (token ids, classes),
    /// <c>bool</c> stays. A <c>null</c> in an array of nullable numbers is a missing label; <c>bool?</c> becomes 1, 0 and NaN.
    /// </remarks>
    /// <param name="inputs">The inputs, <c>n ≥ 1</c> samples, for instance <c>float[,]</c> or <c>double[][]</c>.</param>
    /// <param name="targets">For each task, at least one, its labels, for instance <c>float[]</c>, <c>double?[]</c>, <c>long[]</c>, <c>bool[,]</c>.</param>
    /// <param name="weights">For some or all tasks, a weight for each sample, finite and at least 0.</param>
    /// <exception cref="ArgumentException">As in the constructor; or an array's elements are of another type, or its rows differ in length.</exception>
    public static MultiTaskDataset FromArrays(Array inputs, TaskMap<Array> targets, TaskMap<Array>? weights = null)
    {
        ArgumentNullException.ThrowIfNull(inputs);
        ArgumentNullException.ThrowIfNull(targets);
        return Make(() => (
            HostArray.ToTensor(inputs, "Inputs"),
            targets.Map((task, array) => HostArray.ToTensor(array, $"Task '{task}'")),
            weights?.Map((task, array) => HostArray.ToTensor(array, $"Weights of task '{task}'").to(HostArray.Number))));
    }

    /// <summary>A copy of some of the samples, independent of this data set.</summary>
    /// <param name="rows">Numbers of samples, from 0 to <see cref="Count"/> − 1, at least one, in the order wanted; a number may stand more than once.</param>
    /// <exception cref="ArgumentException">There is no number.</exception>
    /// <exception cref="ArgumentOutOfRangeException">A number is out of range.</exception>
    public MultiTaskDataset Subset(IEnumerable<int> rows)
    {
        ArgumentNullException.ThrowIfNull(rows);
        long[] index = [.. rows.Select(row => (long)DatasetChecks.Row(row, Count))];
        if (index.Length == 0)
        {
            throw new ArgumentException("A subset should have at least one sample. Found none.", nameof(rows));
        }

        return Make(() =>
        {
            var order = tensor(index, device: Device);
            return Each(t => t.index_select(0, order));
        });
    }

    /// <summary>The same samples on another device.</summary>
    /// <remarks>Independent of this data set's lifetime, but memory is shared with it where nothing had to move.</remarks>
    /// <param name="device">The device.</param>
    public MultiTaskDataset To(Device device)
    {
        ArgumentNullException.ThrowIfNull(device);
        return Make(() => Each(t => t.to(device)));
    }

    /// <summary>The same samples with floating-point inputs, targets and weights in another precision; integers and booleans stay.</summary>
    /// <remarks>Independent of this data set's lifetime, but memory is shared with it where nothing had to change.</remarks>
    /// <param name="dtype">A floating-point type.</param>
    /// <exception cref="ArgumentException"><paramref name="dtype"/> is not a floating-point type.</exception>
    public MultiTaskDataset To(ScalarType dtype)
    {
        if (!is_floating_point(dtype))
        {
            throw new ArgumentException($"A data set's precision should be a floating-point type. Found {dtype}.", nameof(dtype));
        }

        return Make(() => Each(t => t.is_floating_point() ? t.to(dtype) : t.alias()));
    }

    /// <summary>The data set as training reads it: every sample once an epoch.</summary>
    /// <remarks>The source reads from this data set and does not own it: dispose the data set after the last batch.</remarks>
    /// <param name="batchSize">Samples in a batch, at least 1; the last batch of an epoch has what is left.</param>
    /// <param name="shuffle">Whether each epoch has an order of its own, drawn from <paramref name="seed"/> and the epoch's number; otherwise samples come in the data set's order.</param>
    /// <param name="seed">The seed; without effect when <paramref name="shuffle"/> is false.</param>
    /// <param name="dropLast">Whether to leave out a last batch that is smaller than <paramref name="batchSize"/>.</param>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="batchSize"/> is less than 1.</exception>
    /// <exception cref="ArgumentException"><paramref name="dropLast"/> would leave no batch at all.</exception>
    public BatchSource Batches(int batchSize, bool shuffle = true, int seed = 0, bool dropLast = false) =>
        new DatasetBatches(this, new(Count, batchSize, shuffle, seed, dropLast));

    /// <summary>Divides the samples in two.</summary>
    /// <param name="train">The fraction of samples to train on, between 0 and 1, both excluded; the rest is for testing.</param>
    /// <param name="splitter">How to divide; the default is at random with seed 0.</param>
    /// <returns>Two copies, disjoint, that together hold every sample; each keeps the order of this data set.</returns>
    /// <exception cref="ArgumentException">The fraction is out of range, the splitter was made for other data, or a part would be empty.</exception>
    public (MultiTaskDataset Train, MultiTaskDataset Test) Split(double train, Splitter? splitter = null)
    {
        var parts = Parts(splitter, [train, 1 - train]);
        return (Subset(parts[0]), Subset(parts[1]));
    }

    /// <summary>Divides the samples in three.</summary>
    /// <param name="train">The fraction of samples to train on, greater than 0.</param>
    /// <param name="validation">The fraction of samples to choose by, greater than 0; together with <paramref name="train"/> less than 1. The rest is for testing.</param>
    /// <param name="splitter">How to divide; the default is at random with seed 0.</param>
    /// <returns>Three copies, disjoint, that together hold every sample; each keeps the order of this data set.</returns>
    /// <exception cref="ArgumentException">A fraction is out of range, the splitter was made for other data, or a part would be empty.</exception>
    public (MultiTaskDataset Train, MultiTaskDataset Validation, MultiTaskDataset Test) Split(
        double train, double validation, Splitter? splitter = null)
    {
        var parts = Parts(splitter, [train, validation, 1 - train - validation]);
        return (Subset(parts[0]), Subset(parts[1]), Subset(parts[2]));
    }

    /// <summary>Divides the samples for cross-validation: each sample is held out in exactly one fold.</summary>
    /// <param name="folds">The number of folds, at least 2.</param>
    /// <param name="splitter">How to divide; the default is at random with seed 0.</param>
    /// <returns>The folds, each made when it is reached: two copies for the caller to dispose.</returns>
    /// <exception cref="ArgumentException">There are fewer than two folds, the splitter was made for other data, or a fold would be empty.</exception>
    public IEnumerable<(MultiTaskDataset Train, MultiTaskDataset Validation)> Folds(int folds, Splitter? splitter = null)
    {
        var rows = (splitter ?? Splitter.Random()).Folds(Count, folds);
        return rows.Select(fold => (Subset(fold.Train), Subset(fold.Validation)));
    }

    /// <summary>Disposes the tensors that this data set made itself; the caller's stay.</summary>
    public void Dispose()
    {
        if (owned && !disposed)
        {
            foreach (var tensor in Tensors(samples.Inputs, samples.Targets, samples.Weights))
            {
                tensor.Dispose();
            }
        }

        disposed = true;
    }

    /// <summary>A data set that owns what the function makes; what else is made on the way is disposed, all of it if the data are bad.</summary>
    internal static MultiTaskDataset Make(Func<(Inputs Inputs, TaskMap<Tensor> Targets, TaskMap<Tensor>? Weights)> make)
    {
        using var scope = NewDisposeScope();
        var (inputs, targets, weights) = make();
        var dataset = new MultiTaskDataset(inputs, targets, weights, owned: true);
        scope.Detach(Tensors(inputs, targets, dataset.Weights));
        return dataset;
    }

    /// <summary>The samples that a slice of an order names, as new tensors of the current dispose scope.</summary>
    internal MultiTaskBatch Gather(Tensor order, long start, long length)
    {
        using var rows = order.narrow(0, start, length);
        var (inputs, targets, weights) = Each(t => t.index_select(0, rows));
        return new(inputs, targets, weights);
    }

    private static IEnumerable<Tensor> Tensors(Inputs inputs, TaskMap<Tensor> targets, TaskMap<Tensor> weights) =>
        inputs.Concat(targets.Values).Concat(weights.Values);

    private int[][] Parts(Splitter? splitter, double[] fractions) => (splitter ?? Splitter.Random()).Parts(Count, fractions);

    private (Inputs Inputs, TaskMap<Tensor> Targets, TaskMap<Tensor> Weights) Each(Func<Tensor, Tensor> operation) => (
        Inputs.Map(operation),
        Targets.Map((_, target) => operation(target)),
        Weights.Map((_, weight) => operation(weight)));

    private BatchPart Alive()
    {
        ObjectDisposedException.ThrowIf(disposed, this);
        return samples;
    }
}
