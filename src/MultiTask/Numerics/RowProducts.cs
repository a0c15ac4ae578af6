using TorchSharp;
using static TorchSharp.torch;

namespace MultiTask.Numerics;

/// <summary>
/// A Bᵀ in float64, from a slice of the columns at a time: in float32 squares leave the range, and what is left of
/// gradients that nearly cancel is all rounding.
/// </summary>
internal static class RowProducts
{
    private const long Columns = 1 << 18;

    /// <param name="a">A matrix, <c>[m, n]</c>.</param>
    /// <param name="b">A matrix of the same shape, on the same device.</param>
    /// <returns>aᵢ · bⱼ, m × m.</returns>
    public static double[,] Of(Tensor a, Tensor b)
    {
        using var scope = NewDisposeScope();
        var (m, n) = (a.shape[0], a.shape[1]);
        var device = a.device_type == DeviceType.MPS ? CPU : a.device; // MPS has no float64
        var sum = zeros([m, m], ScalarType.Float64, device);
        for (var start = 0L; start < n; start += Columns)
        {
            using var slice = NewDisposeScope();
            var left = Slice(a, start);
            var right = ReferenceEquals(a, b) ? left : Slice(b, start);
            sum.add_(left.matmul(right.t()));
        }

        var flat = HostValues.Of(sum);
        var products = new double[m, m];
        for (var i = 0; i < m; i++)
        {
            for (var k = 0; k < m; k++)
            {
                products[i, k] = flat[(i * m) + k];
            }
        }

        return products;

        Tensor Slice(Tensor rows, long start) =>
            rows.detach().narrow(1, start, Math.Min(Columns, n - start)).to(device).to(ScalarType.Float64);
    }
}
