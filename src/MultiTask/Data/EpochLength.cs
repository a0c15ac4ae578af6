namespace MultiTask.Data;

/// <summary>How many steps an epoch has when several sources of different sizes are read together.</summary>
/// <remarks>
/// A source that ends before the epoch does begins its next epoch, reshuffled. A source that the epoch's end cuts off goes on
/// from there in the next one, so that over time all of its samples are seen equally often.
/// </remarks>
public sealed class EpochLength
{
    private readonly Func<IReadOnlyList<int>, IReadOnlyList<double>, int> steps;
    private readonly string name;

    private EpochLength(string name, Func<IReadOnlyList<int>, IReadOnlyList<double>, int> steps) => (this.name, this.steps) = (name, steps);

    /// <summary>Until the source with the most batches has been read exactly once; the others begin anew as often as needed.</summary>
    public static EpochLength UntilLargestEnds { get; } = new("until the largest ends", (batches, rates) => Until(Largest(batches), batches, rates));

    /// <summary>Until the source with the fewest batches has been read exactly once; of the others the epoch sees a part.</summary>
    public static EpochLength UntilSmallestEnds { get; } = new("until the smallest ends", (batches, rates) => Until(Smallest(batches), batches, rates));

    /// <summary>As many steps as the sources have batches, all together.</summary>
    public static EpochLength SumOfBatches { get; } = new("sum of batches", (batches, _) => checked(batches.Sum()));

    /// <summary>A fixed number of steps.</summary>
    /// <param name="steps">The number, at least 1.</param>
    public static EpochLength Steps(int steps)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(steps, 1);
        return new($"{steps} steps", (_, _) => steps);
    }

    /// <inheritdoc/>
    public override string ToString() => name;

    /// <summary>The number of steps.</summary>
    /// <param name="batches">The number of batches of each source.</param>
    /// <param name="rates">How many batches of each source a step reads, in the mean.</param>
    internal int Of(IReadOnlyList<int> batches, IReadOnlyList<double> rates) => steps(batches, rates);

    /// <summary>The source that an epoch of this length reads exactly once, if there is one.</summary>
    internal int? Measure(IReadOnlyList<int> batches) =>
        this == UntilLargestEnds ? Largest(batches)
        : this == UntilSmallestEnds ? Smallest(batches)
        : null;

    private static int Until(int source, IReadOnlyList<int> batches, IReadOnlyList<double> rates) =>
        checked((int)Math.Round(batches[source] / rates[source]));

    private static int Largest(IReadOnlyList<int> batches) => batches.Index().MaxBy(b => b.Item).Index;

    private static int Smallest(IReadOnlyList<int> batches) => batches.Index().MinBy(b => b.Item).Index;
}
