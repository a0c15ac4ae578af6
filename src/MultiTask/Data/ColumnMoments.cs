using static TorchSharp.torch;

namespace MultiTask.Data;

/// <summary>Finds the mean and deviation of each column, in float64 and over two passes.</summary>
internal static class ColumnMoments
{
    public static ColumnStatistics OfInput(Tensor input, int index)
    {
        ExpectFinite(input, index);
        return Of(input, out _);
    }

    public static ColumnStatistics OfTarget(Tensor target, string task)
    {
        if (!target.is_floating_point())
        {
            throw new ArgumentException($"Task '{task}': standardised targets should be floating-point. Found {target.dtype}.");
        }

        using (var scope = NewDisposeScope())
        {
            if (target.isinf().any().item<bool>())
            {
                throw new ArgumentException($"Task '{task}': targets should be finite or missing (NaN). Found infinity.");
            }
        }

        var statistics = Of(target, out var counts);
        return Array.IndexOf(counts, 0) is var column and >= 0
            ? throw new ArgumentException($"Task '{task}': there should be a label to learn the mean from. Found none in column {column}.")
            : statistics;
    }

    public static void ExpectFinite(Tensor input, int index)
    {
        using var scope = NewDisposeScope();
        var wrong = Columns(input.isfinite().logical_not_());
        if (!wrong.any().item<bool>())
        {
            return;
        }

        var place = wrong.to(ScalarType.Int64).argmax().item<long>();
        var (row, column) = Math.DivRem(place, wrong.shape[1]);
        var count = wrong.select(1, column).sum().item<long>();
        throw new ArgumentException(
            $"Input {index}, column {column}: inputs should be finite, for there is no rule here for missing ones: drop or fill them first. " +
            $"Found {count} of {wrong.shape[0]} NaN or infinite, the first in row {row}.");
    }

    /// <summary>Moments over the entries that are not NaN.</summary>
    private static ColumnStatistics Of(Tensor values, out double[] counts)
    {
        using var scope = NewDisposeScope();
        var columns = Columns(values).to(ScalarType.Float64);
        var missing = columns.isnan();
        var count = missing.logical_not().to(ScalarType.Float64).sum(dim: 0);
        var mean = columns.nan_to_num(0).sum(dim: 0) / count;
        var apart = (columns - mean).masked_fill_(missing, 0);
        var deviation = (apart.square().sum(dim: 0) / count).sqrt();
        var lowest = columns.masked_fill(missing, double.PositiveInfinity).amin(0L);
        var highest = columns.masked_fill(missing, double.NegativeInfinity).amax(0L);
        deviation.masked_fill_(lowest.eq(highest), 0); // rounding of the mean must not make a constant column vary
        counts = Host(count);
        return new(Host(mean.nan_to_num(0)), Host(deviation.nan_to_num(0)), values.shape[1..]);
    }

    private static Tensor Columns(Tensor values) => values.reshape(values.shape[0], -1);

    private static double[] Host(Tensor values) => values.cpu().data<double>().ToArray();
}
