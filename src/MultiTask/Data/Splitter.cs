namespace MultiTask.Data;

/// <summary>A way to divide samples into parts: at random, stratified, by groups, or your own.</summary>
/// <remarks>
/// A splitter works on row numbers, so it serves any kind of data; <see cref="MultiTaskDataset.Split(double, double, Splitter?)"/>
/// and <see cref="MultiTaskDataset.Folds"/> apply it. The result depends on the seed and the keys alone, not on the machine.
/// One function, <see cref="Divide"/>, makes a new kind.
/// </remarks>
public abstract class Splitter
{
    /// <summary>Divides at random; part sizes are within one of their fractions.</summary>
    /// <param name="seed">The seed.</param>
    public static Splitter Random(int seed = 0) => new StratifiedSplitter(null, seed);

    /// <summary>Divides so that each key has the same share in all parts, as near as its number of rows allows.</summary>
    /// <typeparam name="TKey">The type of a key; equal keys are one stratum.</typeparam>
    /// <param name="keys">A key for each row, for instance its class.</param>
    /// <param name="seed">The seed.</param>
    public static Splitter Stratified<TKey>(IEnumerable<TKey> keys, int seed = 0)
        where TKey : notnull => new StratifiedSplitter(Keys.Number(keys), seed);

    /// <summary>Divides so that each class of a task has the same share in all parts; rows without the label count as a class of their own.</summary>
    /// <param name="data">The data that will be divided.</param>
    /// <param name="task">A task with one class a sample: integers, booleans, or whole numbers (0 and 1), of shape <c>[n]</c>.</param>
    /// <param name="seed">The seed.</param>
    /// <exception cref="KeyNotFoundException">The data lack the task.</exception>
    /// <exception cref="ArgumentException">The task's labels are not one class a sample.</exception>
    public static Splitter Stratified(MultiTaskDataset data, string task, int seed = 0)
    {
        ArgumentNullException.ThrowIfNull(data);
        return new StratifiedSplitter(Keys.OfClasses(task, data.Targets[task]), seed);
    }

    /// <summary>
    /// Divides so that rows with the same key stay together: pupils of a school, images of a patient. Part sizes are as
    /// near to their fractions as the groups' sizes allow.
    /// </summary>
    /// <typeparam name="TKey">The type of a key; equal keys are one group.</typeparam>
    /// <param name="keys">A key for each row.</param>
    /// <param name="seed">The seed.</param>
    public static Splitter Grouped<TKey>(IEnumerable<TKey> keys, int seed = 0)
        where TKey : notnull => new GroupSplitter(Keys.Number(keys), seed);

    /// <summary>Divides the rows.</summary>
    /// <param name="count">The number of rows.</param>
    /// <param name="fractions">The size of each part as a fraction of all rows, each greater than 0, of sum 1 (within 1e-9).</param>
    /// <returns>For each part its row numbers in ascending order; disjoint, none empty, together 0 to <paramref name="count"/> − 1.</returns>
    /// <exception cref="ArgumentException">Fractions are out of range, the keys are not <paramref name="count"/> many, or a part would be empty.</exception>
    public int[][] Parts(int count, params IReadOnlyList<double> fractions)
    {
        ArgumentNullException.ThrowIfNull(fractions);
        if (fractions.Any(f => !(f > 0)) || Math.Abs(fractions.Sum() - 1) > 1e-9)
        {
            throw new ArgumentException(
                FormattableString.Invariant($"Fractions should be greater than 0 and of sum 1. Found {string.Join(", ", fractions)}."),
                nameof(fractions));
        }

        var part = Divide(count, fractions);
        var parts = new int[fractions.Count][];
        for (var p = 0; p < parts.Length; p++)
        {
            parts[p] = [.. Enumerable.Range(0, count).Where(row => part[row] == p)];
            if (parts[p].Length == 0)
            {
                throw new ArgumentException(
                    FormattableString.Invariant($"Each part should get a row. Found {count} rows, too few (or groups too large) to give part {p}, with the fraction {fractions[p]:0.###}, any."),
                    nameof(count));
            }
        }

        return parts;
    }

    /// <summary>Divides the rows for cross-validation: each row is held out in exactly one fold.</summary>
    /// <param name="count">The number of rows.</param>
    /// <param name="folds">The number of folds, at least 2.</param>
    /// <returns>For each fold the rows to train on and those held out, both in ascending order.</returns>
    /// <exception cref="ArgumentException">There are fewer than two folds, the keys are not <paramref name="count"/> many, or a fold would be empty.</exception>
    public IReadOnlyList<(int[] Train, int[] Validation)> Folds(int count, int folds)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(folds, 2);
        var held = Parts(count, Enumerable.Repeat(1.0 / folds, folds).ToArray());
        return [.. held.Select((rows, i) => (held.Where((_, j) => j != i).SelectMany(r => r).Order().ToArray(), rows))];
    }

    /// <summary>Decides the part of each row.</summary>
    /// <param name="count">The number of rows.</param>
    /// <param name="fractions">The size of each part as a fraction of all rows: valid ones.</param>
    /// <returns>For each row the number of its part, from 0.</returns>
    protected abstract int[] Divide(int count, IReadOnlyList<double> fractions);
}
