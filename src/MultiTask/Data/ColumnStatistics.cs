namespace MultiTask.Data;

/// <summary>Mean and standard deviation of each column of an input or a target.</summary>
/// <remarks>A column is a place in a sample: an input <c>[n, 13]</c> has 13 columns, a target <c>[n]</c> has one.</remarks>
public sealed class ColumnStatistics
{
    /// <summary>Statistics, for instance read back from a file.</summary>
    /// <param name="mean">The mean of each column, finite.</param>
    /// <param name="deviation">The standard deviation of each column, finite and at least 0; a column with 0 is constant.</param>
    /// <param name="shape">The shape of a sample, for instance <c>[13]</c>; empty for a single number.</param>
    /// <exception cref="ArgumentException">Counts and shape do not fit, or a number is out of range.</exception>
    public ColumnStatistics(IReadOnlyList<double> mean, IReadOnlyList<double> deviation, IReadOnlyList<long> shape)
    {
        ArgumentNullException.ThrowIfNull(mean);
        ArgumentNullException.ThrowIfNull(deviation);
        ArgumentNullException.ThrowIfNull(shape);
        var columns = shape.Aggregate(1L, (product, length) => product * length);
        if (mean.Count != columns || deviation.Count != columns)
        {
            throw new ArgumentException(
                $"There should be {columns} means and deviations, for samples of shape {MultiTask.Diagnostics.Shape.Text(shape)}. " +
                $"Found {mean.Count} means and {deviation.Count} deviations.");
        }

        if (!mean.All(double.IsFinite) || !deviation.All(d => d >= 0 && double.IsFinite(d)))
        {
            throw new ArgumentException("Means should be finite, and deviations finite and at least 0. Found others.");
        }

        (Mean, Deviation, Shape) = ([.. mean], [.. deviation], [.. shape]);
    }

    /// <summary>The mean of each column, row by row of <see cref="Shape"/>.</summary>
    public IReadOnlyList<double> Mean { get; }

    /// <summary>The standard deviation of each column (of the population: divided by n); 0 for a constant column.</summary>
    public IReadOnlyList<double> Deviation { get; }

    /// <summary>The shape of a sample; empty for a single number.</summary>
    public IReadOnlyList<long> Shape { get; }
}
