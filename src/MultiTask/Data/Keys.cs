using MultiTask.Diagnostics;
using static TorchSharp.torch;

namespace MultiTask.Data;

/// <summary>Keys of rows as numbers: equal keys have equal numbers, in order of first appearance.</summary>
internal static class Keys
{
    public static int[] Number<TKey>(IEnumerable<TKey> keys)
        where TKey : notnull
    {
        ArgumentNullException.ThrowIfNull(keys);
        var numbers = new Dictionary<TKey, int>();
        return [.. keys.Select(key => numbers.TryAdd(key, numbers.Count) ? numbers.Count - 1 : numbers[key])];
    }

    public static int[] OfClasses(string task, Tensor target)
    {
        using var scope = NewDisposeScope();
        var values = target.to(ScalarType.Float64).cpu();
        if (target.dim() != 1 || values.frac().nan_to_num(0).ne(0).any().item<bool>())
        {
            throw new ArgumentException(
                $"Task '{task}': stratification should go by one class a sample, integers or booleans of shape [n]. " +
                $"Found {target.dtype} of shape {Shape.Of(target)}{(target.dim() == 1 ? " with fractions" : "")}.",
                nameof(task));
        }

        return Number(values.data<double>().ToArray());
    }

    public static void Check(int[] keys, int count)
    {
        if (keys.Length != count)
        {
            throw new ArgumentException($"There should be a key for each of the {count} rows. Found {keys.Length} keys.", nameof(count));
        }
    }

    /// <summary>The rows of each key.</summary>
    public static int[][] Rows(int[] keys) =>
        [.. keys.Select((key, row) => (key, row)).GroupBy(pair => pair.key, pair => pair.row).Select(rows => rows.ToArray())];
}
