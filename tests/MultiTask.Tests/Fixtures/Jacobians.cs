using static TorchSharp.torch;

namespace MultiTask.Tests.Fixtures;

/// <summary>Jacobians from numbers, and the two matrices whose results are known for every method.</summary>
internal static class Jacobians
{
    /// <summary>Two tasks that conflict; TorchJD's tests use it as well.</summary>
    public static double[][] A => [[-4, 1, 1], [6, 1, 1]];

    /// <summary>Three tasks in four dimensions, each in conflict with both others.</summary>
    public static double[][] B => [[1, 2, 0, -1], [-3, 1, 1, 0.5], [0.5, -2, 1, 2]];

    /// <summary>A Jacobian of tasks named "0", "1", …, in float64, with losses 1, 2, ….</summary>
    public static Jacobian Of(params double[][] rows) => Of(ScalarType.Float64, rows);

    public static Jacobian Of(ScalarType dtype, params double[][] rows)
    {
        var matrix = stack(rows.Select(row => tensor(row, dtype: ScalarType.Float64))).to(dtype);
        return new(matrix, TaskMap.Create(rows.Select((_, i) => ($"{i}", i + 1.0))));
    }

    public static double[] Values(this Tensor tensor) => tensor.detach().to(ScalarType.Float64).reshape(-1).data<double>().ToArray();
}
