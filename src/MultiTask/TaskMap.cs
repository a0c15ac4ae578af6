using System.Collections;
using System.Diagnostics.CodeAnalysis;
using System.Runtime.CompilerServices;
using System.Text.Json.Serialization;
using MultiTask.Diagnostics;
using MultiTask.Training;

namespace MultiTask;

/// <summary>
/// Ordered, immutable, named values, one a task: outputs, targets, losses, weights, metrics.
/// </summary>
/// <remarks>
/// A collection expression is a literal: <c>TaskMap&lt;double&gt; weights = [("age", 1.0), ("income", 0.5)];</c>
/// A batch that lacks a task simply has a smaller map. The map does not own its values: it never disposes a tensor.
/// </remarks>
/// <typeparam name="T">What there is one of for each task.</typeparam>
[CollectionBuilder(typeof(TaskMap), nameof(TaskMap.Create))]
[JsonConverter(typeof(TaskMapJson))]
[SuppressMessage("Naming", "CA1710:Identifiers should have correct suffix", Justification = "Map says it.")]
public sealed class TaskMap<T> : IReadOnlyCollection<(string Task, T Value)>
{
    private readonly string[] tasks;
    private readonly T[] values;
    private readonly Dictionary<string, int> index;

    internal TaskMap(string[] tasks, T[] values, Dictionary<string, int>? index = null)
    {
        this.tasks = tasks;
        this.values = values;
        this.index = index ?? TaskNames.Index(tasks);
    }

    /// <summary>The task names, in order.</summary>
    public IReadOnlyList<string> Tasks => tasks;

    /// <summary>The values, in the order of <see cref="Tasks"/>.</summary>
    public IReadOnlyList<T> Values => values;

    /// <inheritdoc/>
    public int Count => tasks.Length;

    /// <summary>The value of a task.</summary>
    /// <param name="task">The task's name; names are compared ordinally.</param>
    /// <exception cref="KeyNotFoundException">The map has no such task; the message lists those it has.</exception>
    public T this[string task] => index.TryGetValue(task, out var i)
        ? values[i]
        : throw new KeyNotFoundException($"There is no task '{task}' here. Found: {TaskNames.List(tasks)}.");

    /// <summary>Whether the map has a value for the task.</summary>
    /// <param name="task">The task's name.</param>
    public bool Contains(string task) => index.ContainsKey(task);

    /// <summary>The value of a task, if the map has one.</summary>
    /// <param name="task">The task's name.</param>
    /// <param name="value">The value, or the default of <typeparamref name="T"/>.</param>
    public bool TryGetValue(string task, [MaybeNullWhen(false)] out T value)
    {
        var found = index.TryGetValue(task, out var i);
        value = found ? values[i] : default;
        return found;
    }

    /// <summary>The same tasks with other values.</summary>
    /// <typeparam name="TResult">The type of the new values.</typeparam>
    /// <param name="selector">Gives the new value from a task's name and its value.</param>
    public TaskMap<TResult> Map<TResult>(Func<string, T, TResult> selector)
    {
        var mapped = new TResult[values.Length];
        for (var i = 0; i < mapped.Length; i++)
        {
            mapped[i] = selector(tasks[i], values[i]);
        }

        return new(tasks, mapped, index);
    }

    /// <summary>The tasks for which a condition holds, in the same order.</summary>
    /// <param name="predicate">Decides from a task's name and its value.</param>
    public TaskMap<T> Filter(Func<string, T, bool> predicate) =>
        TaskMap.Create(this.Where(pair => predicate(pair.Task, pair.Value)));

    /// <inheritdoc/>
    public IEnumerator<(string Task, T Value)> GetEnumerator()
    {
        for (var i = 0; i < tasks.Length; i++)
        {
            yield return (tasks[i], values[i]);
        }
    }

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();

    /// <summary>The tasks and values, for people: <c>{ age: 0.31, income: 1.20 }</c>.</summary>
    public override string ToString() => Count == 0 ? "{ }" : $"{{ {string.Join(", ", this.Select(p => $"{p.Task}: {p.Value}"))} }}";
}

/// <summary>Creates a <see cref="TaskMap{T}"/>.</summary>
public static class TaskMap
{
    /// <summary>A map from pairs; what a collection expression calls.</summary>
    /// <typeparam name="T">The type of the values.</typeparam>
    /// <param name="pairs">Names and values, in order.</param>
    /// <exception cref="ArgumentException">A name is empty, has a dot, or stands twice.</exception>
    public static TaskMap<T> Create<T>(params ReadOnlySpan<(string Task, T Value)> pairs)
    {
        var tasks = new string[pairs.Length];
        var values = new T[pairs.Length];
        for (var i = 0; i < pairs.Length; i++)
        {
            (tasks[i], values[i]) = pairs[i];
        }

        return new(tasks, values);
    }

    /// <summary>A map from pairs.</summary>
    /// <typeparam name="T">The type of the values.</typeparam>
    /// <param name="pairs">Names and values, in order.</param>
    /// <exception cref="ArgumentException">A name is empty, has a dot, or stands twice.</exception>
    public static TaskMap<T> Create<T>(IEnumerable<(string Task, T Value)> pairs) => Create<T>(pairs.ToArray());
}
