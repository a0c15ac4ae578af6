using System.Collections;

namespace MultiTask.Data;

/// <summary>The distinct values of a category, numbered: what turns text into classes and back.</summary>
/// <remarks>Values are numbered in ordinal order, so that the numbers do not depend on the order of the rows.</remarks>
public sealed class Vocabulary : IReadOnlyList<string>
{
    private readonly string[] values;
    private readonly Dictionary<string, int> numbers;

    /// <summary>The vocabulary of some values.</summary>
    /// <param name="values">Values, any number of times each; <c>null</c>s (missing ones) are passed over.</param>
    public Vocabulary(IEnumerable<string?> values)
    {
        ArgumentNullException.ThrowIfNull(values);
        this.values = [.. values.OfType<string>().Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal)];
        numbers = this.values.Select((value, i) => (value, i)).ToDictionary(pair => pair.value, pair => pair.i, StringComparer.Ordinal);
    }

    /// <summary>The number of distinct values.</summary>
    public int Count => values.Length;

    /// <summary>The value with a number.</summary>
    /// <param name="index">From 0 to <see cref="Count"/> − 1.</param>
    public string this[int index] => values[index];

    /// <summary>Whether the vocabulary has a value.</summary>
    /// <param name="value">The value.</param>
    public bool Contains(string value) => numbers.ContainsKey(value);

    /// <summary>The number of a value.</summary>
    /// <param name="value">The value.</param>
    /// <exception cref="KeyNotFoundException">The vocabulary lacks the value.</exception>
    public int IndexOf(string value) => numbers.TryGetValue(value, out var number)
        ? number
        : throw new KeyNotFoundException($"The value should be one of the {Count} of this vocabulary ({Listed()}). Found '{value}'.");

    /// <summary>A value as numbers for a network: 1 in its place, 0 elsewhere.</summary>
    /// <param name="value">The value.</param>
    /// <returns><see cref="Count"/> numbers.</returns>
    /// <exception cref="KeyNotFoundException">The vocabulary lacks the value.</exception>
    public double[] OneHot(string value)
    {
        var hot = new double[Count];
        hot[IndexOf(value)] = 1;
        return hot;
    }

    /// <inheritdoc/>
    public IEnumerator<string> GetEnumerator() => values.AsEnumerable().GetEnumerator();

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();

    private string Listed() => string.Join(", ", values.Take(10).Select(v => $"'{v}'")) + (Count > 10 ? ", …" : "");
}
