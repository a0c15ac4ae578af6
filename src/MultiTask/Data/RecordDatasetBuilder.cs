using System.Runtime.CompilerServices;
using MultiTask.Diagnostics;
using static TorchSharp.torch;

namespace MultiTask.Data;

/// <summary>Turns records into a <see cref="MultiTaskDataset"/> by functions that pick inputs and labels out of a record.</summary>
/// <remarks>
/// <code>
/// using var data = MultiTaskDataset.From(people)
///     .Input(p => [p.Height, p.Weight])
///     .Target("age", p => p.Age)             // float or double: a number
///     .Target("income", p => p.IncomeClass)  // int or long: a class
///     .Build();
/// </code>
/// The type that a function returns decides what the values are. Floating-point: numbers, in the default dtype (float32
/// unless changed). Integers: classes or token ids, int64; a number that is kept as an integer has to be converted,
/// <c>p => (float)p.Years</c>. <c>bool</c>: yes or no. A nullable one may be missing (<see cref="MissingLabels"/>). Arrays, which
/// have to be equally long in all records, are several outputs, several labels, or a label for each token.
/// </remarks>
/// <typeparam name="T">The type of a record.</typeparam>
public sealed class RecordDatasetBuilder<T>
{
    private readonly IEnumerable<T> records;
    private readonly List<IRecordColumn<T>> inputs = [];
    private readonly List<(string Task, IRecordColumn<T> Column)> targets = [];
    private readonly List<(string Task, IRecordColumn<T> Column)> weights = [];

    internal RecordDatasetBuilder(IEnumerable<T> records)
    {
        ArgumentNullException.ThrowIfNull(records);
        this.records = records;
    }

    /// <summary>Adds an input tensor of numbers, <c>[n, d]</c>: the first call is the first tensor of the inputs, and so on.</summary>
    /// <param name="selector">A record's <c>d</c> numbers.</param>
    [OverloadResolutionPriority(1)] // for a collection expression, which would fit several overloads
    public RecordDatasetBuilder<T> Input(Func<T, double[]> selector) => AddInput(Numbers(selector, InputName));

    /// <inheritdoc cref="Input(Func{T, double[]})"/>
    public RecordDatasetBuilder<T> Input(Func<T, float[]> selector) => AddInput(Numbers(selector, InputName));

    /// <summary>Adds an input tensor of token ids or other indices, int64 <c>[n, d]</c>: the first call is the first tensor of the inputs, and so on.</summary>
    /// <param name="selector">A record's <c>d</c> indices.</param>
    public RecordDatasetBuilder<T> Input(Func<T, long[]> selector) => AddInput(Integers(selector, InputName));

    /// <inheritdoc cref="Input(Func{T, long[]})"/>
    public RecordDatasetBuilder<T> Input(Func<T, int[]> selector) => AddInput(Integers(selector, InputName));

    /// <summary>Adds an input tensor of yes or no, for instance a mask, bool <c>[n, d]</c>: the first call is the first tensor of the inputs, and so on.</summary>
    /// <param name="selector">A record's <c>d</c> values.</param>
    public RecordDatasetBuilder<T> Input(Func<T, bool[]> selector) => AddInput(Flags(selector, InputName));

    /// <summary>Adds a task whose labels are numbers, <c>[n]</c>; NaN is missing.</summary>
    /// <param name="task">The task's name.</param>
    /// <param name="selector">A record's label.</param>
    public RecordDatasetBuilder<T> Target(string task, Func<T, double> selector) =>
        AddTarget(task, new RecordColumn<T, double>(TaskName(task), Required(selector), NumberTensor));

    /// <inheritdoc cref="Target(string, Func{T, double})"/>
    public RecordDatasetBuilder<T> Target(string task, Func<T, float> selector) =>
        AddTarget(task, new RecordColumn<T, float>(TaskName(task), Required(selector), NumberTensor));

    /// <summary>Adds a task whose labels are numbers, <c>[n]</c>; <c>null</c> and NaN are missing.</summary>
    /// <param name="task">The task's name.</param>
    /// <param name="selector">A record's label.</param>
    public RecordDatasetBuilder<T> Target(string task, Func<T, double?> selector) =>
        Target(task, Required(selector, r => r ?? double.NaN));

    /// <inheritdoc cref="Target(string, Func{T, double?})"/>
    public RecordDatasetBuilder<T> Target(string task, Func<T, float?> selector) =>
        Target(task, Required(selector, r => r ?? float.NaN));

    /// <summary>Adds a task whose labels are classes, int64 <c>[n]</c>; −100 is missing.</summary>
    /// <param name="task">The task's name.</param>
    /// <param name="selector">A record's label.</param>
    public RecordDatasetBuilder<T> Target(string task, Func<T, long> selector) =>
        AddTarget(task, new RecordColumn<T, long>(TaskName(task), Required(selector), IntegerTensor));

    /// <inheritdoc cref="Target(string, Func{T, long})"/>
    public RecordDatasetBuilder<T> Target(string task, Func<T, int> selector) =>
        Target(task, Required(selector, r => (long)r));

    /// <summary>Adds a task whose labels are classes, int64 <c>[n]</c>; <c>null</c> and −100 are missing.</summary>
    /// <param name="task">The task's name.</param>
    /// <param name="selector">A record's label.</param>
    public RecordDatasetBuilder<T> Target(string task, Func<T, long?> selector) =>
        Target(task, Required(selector, r => r ?? MissingLabels.Class));

    /// <inheritdoc cref="Target(string, Func{T, long?})"/>
    public RecordDatasetBuilder<T> Target(string task, Func<T, int?> selector) =>
        Target(task, Required(selector, r => r ?? MissingLabels.Class));

    /// <summary>Adds a task whose labels are yes or no, bool <c>[n]</c>; none can be missing.</summary>
    /// <param name="task">The task's name.</param>
    /// <param name="selector">A record's label.</param>
    public RecordDatasetBuilder<T> Target(string task, Func<T, bool> selector) =>
        AddTarget(task, new RecordColumn<T, bool>(TaskName(task), Required(selector), FlagTensor));

    /// <summary>Adds a task whose labels are yes or no, as 1, 0 and, for <c>null</c>, NaN: numbers <c>[n]</c>.</summary>
    /// <param name="task">The task's name.</param>
    /// <param name="selector">A record's label.</param>
    public RecordDatasetBuilder<T> Target(string task, Func<T, bool?> selector) =>
        Target(task, Required(selector, r => r is { } yes ? (yes ? 1f : 0f) : float.NaN));

    /// <summary>Adds a task with several numbers to predict, <c>[n, k]</c>; NaN is missing.</summary>
    /// <param name="task">The task's name.</param>
    /// <param name="selector">A record's <c>k</c> labels.</param>
    [OverloadResolutionPriority(1)]
    public RecordDatasetBuilder<T> Target(string task, Func<T, double[]> selector) => AddTarget(task, Numbers(selector, TaskName(task)));

    /// <inheritdoc cref="Target(string, Func{T, double[]})"/>
    public RecordDatasetBuilder<T> Target(string task, Func<T, float[]> selector) => AddTarget(task, Numbers(selector, TaskName(task)));

    /// <summary>Adds a task with several numbers to predict, <c>[n, k]</c>; <c>null</c> and NaN are missing.</summary>
    /// <param name="task">The task's name.</param>
    /// <param name="selector">A record's <c>k</c> labels.</param>
    public RecordDatasetBuilder<T> Target(string task, Func<T, double?[]> selector) =>
        Target(task, Required<double?[], double[]>(selector, r => Array.ConvertAll(r, v => v ?? double.NaN)));

    /// <summary>Adds a task with a class for each token or position, int64 <c>[n, k]</c>; −100 is missing.</summary>
    /// <param name="task">The task's name.</param>
    /// <param name="selector">A record's <c>k</c> labels.</param>
    public RecordDatasetBuilder<T> Target(string task, Func<T, long[]> selector) => AddTarget(task, Integers(selector, TaskName(task)));

    /// <inheritdoc cref="Target(string, Func{T, long[]})"/>
    public RecordDatasetBuilder<T> Target(string task, Func<T, int[]> selector) => AddTarget(task, Integers(selector, TaskName(task)));

    /// <summary>Adds a task with several labels that are yes or no, bool <c>[n, k]</c>; none can be missing.</summary>
    /// <param name="task">The task's name.</param>
    /// <param name="selector">A record's <c>k</c> labels.</param>
    public RecordDatasetBuilder<T> Target(string task, Func<T, bool[]> selector) => AddTarget(task, Flags(selector, TaskName(task)));

    /// <summary>Adds sample weights of a task: how much each of its samples counts in the mean, where 1 is usual.</summary>
    /// <param name="task">The task's name.</param>
    /// <param name="selector">A record's weight, finite and at least 0.</param>
    public RecordDatasetBuilder<T> Weight(string task, Func<T, double> selector)
    {
        weights.Add((task, new RecordColumn<T, double>($"Weight of task '{task}'", Required(selector), NumberTensor)));
        return this;
    }

    /// <summary>Reads the records, once, and makes the data set, which owns its tensors.</summary>
    /// <exception cref="InvalidOperationException">No input or no target was added.</exception>
    /// <exception cref="ArgumentException">There is no record, arrays differ in length, a task's name stands twice, or a weight is out of range.</exception>
    public MultiTaskDataset Build()
    {
        if (inputs.Count == 0 || targets.Count == 0)
        {
            throw new InvalidOperationException(
                $"A data set of records should have at least one input and one target. Found {inputs.Count} inputs and {targets.Count} targets.");
        }

        Read([.. inputs, .. targets.Select(t => t.Column), .. weights.Select(w => w.Column)]);
        return MultiTaskDataset.Make(() => (
            Inputs.Create([.. inputs.Select(c => c.ToTensor())]),
            TaskMap.Create(targets.Select(t => (t.Task, t.Column.ToTensor()))),
            TaskMap.Create(weights.Select(w => (w.Task, w.Column.ToTensor())))));
    }

    private static Func<T, TResult> Required<TResult>(Func<T, TResult> selector)
    {
        ArgumentNullException.ThrowIfNull(selector);
        return selector;
    }

    private static Func<T, TResult> Required<TValue, TResult>(Func<T, TValue> selector, Func<TValue, TResult> convert)
    {
        ArgumentNullException.ThrowIfNull(selector);
        return record => convert(selector(record));
    }

    private static RecordColumn<T, double> Numbers(Func<T, double[]> selector, string name) => new(name, Required(selector), NumberTensor);

    private static RecordColumn<T, float> Numbers(Func<T, float[]> selector, string name) => new(name, Required(selector), NumberTensor);

    private static RecordColumn<T, long> Integers(Func<T, long[]> selector, string name) => new(name, Required(selector), IntegerTensor);

    private static RecordColumn<T, int> Integers(Func<T, int[]> selector, string name) =>
        new(name, Required(selector), (values, shape) => tensor(values, shape, dtype: ScalarType.Int64));

    private static RecordColumn<T, bool> Flags(Func<T, bool[]> selector, string name) => new(name, Required(selector), FlagTensor);

    private static Tensor NumberTensor(double[] values, long[] shape) => tensor(values, shape, dtype: HostArray.Number);

    private static Tensor NumberTensor(float[] values, long[] shape) => tensor(values, shape, dtype: HostArray.Number);

    private static Tensor IntegerTensor(long[] values, long[] shape) => tensor(values, shape);

    private static Tensor FlagTensor(bool[] values, long[] shape) => tensor(values, shape);

    private static string TaskName(string task) => $"Task '{TaskNames.Checked(task)}'";

    private string InputName => $"Input {inputs.Count}";

    private RecordDatasetBuilder<T> AddInput(IRecordColumn<T> column)
    {
        inputs.Add(column);
        return this;
    }

    private RecordDatasetBuilder<T> AddTarget(string task, IRecordColumn<T> column)
    {
        targets.Add((task, column));
        return this;
    }

    private void Read(IRecordColumn<T>[] columns)
    {
        foreach (var column in columns)
        {
            column.Clear();
        }

        var count = 0;
        foreach (var record in records)
        {
            foreach (var column in columns)
            {
                column.Add(record, count);
            }

            count++;
        }

        if (count == 0)
        {
            throw new ArgumentException("A data set should have at least one sample. Found no record.");
        }
    }
}
