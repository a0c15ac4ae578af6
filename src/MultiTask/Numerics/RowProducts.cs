using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using TorchSharp;
using static TorchSharp.torch;

namespace MultiTask.Numerics;

/// <summary>
/// A Bᵀ in float64, from a slice of the columns at a time: in float32 squares leave the range, and what is left of
/// gradients that nearly cancel is all rounding.
/// </summary>
/// <remarks>
/// On the CPU the products are made here, of three rows with three at a time and of A Aᵀ for one triangle only. Of few long
/// rows this takes half of the time that torch's product takes, and slices stay in the cache (docs/performance.md).
/// </remarks>
internal static class RowProducts
{
    private const int Tile = 3;
    private const int Columns = 2040; // tiles stay in the cache; no power of two, or their rows would take each other's places there
    private const int EntriesCopied = 1 << 17; // of what has to be copied first
    private const int EntriesElsewhere = 1 << 22; // on other devices: few calls, of 32 MB

    /// <param name="a">A matrix, <c>[m, n]</c>.</param>
    /// <param name="b">A matrix of the same shape, on the same device.</param>
    /// <returns>aᵢ · bⱼ, m × m; symmetric to the last bit where <paramref name="b"/> is <paramref name="a"/>.</returns>
    public static double[,] Of(Tensor a, Tensor b)
    {
        using var scope = NewDisposeScope();
        var n = a.shape[1];
        var products = new double[a.shape[0], a.shape[0]];
        var symmetric = ReferenceEquals(a, b);
        var onHost = a.device_type is DeviceType.CPU or DeviceType.MPS; // MPS has no float64
        var entries = !onHost ? EntriesElsewhere : Slices.IsInPlace(a) && Slices.IsInPlace(b) ? 0 : EntriesCopied;
        var columns = Padded(Math.Max(Columns, entries / (int)a.shape[0]), Vector<double>.Count);
        var left = new Slices(a, columns, onHost);
        var right = symmetric ? left : new Slices(b, columns, onHost);
        for (var start = 0L; start < n; start += columns)
        {
            using var step = NewDisposeScope();
            left.Read(start);
            if (!symmetric)
            {
                right.Read(start);
            }

            if (onHost)
            {
                AddTiles(products, left.Values, right.Values, columns, symmetric);
            }
            else
            {
                AddAll(products, HostValues.Of(left.Rows.matmul(right.Rows.t())));
            }
        }

        return symmetric ? Mirrored(products) : products;
    }

    private static void AddAll(double[,] products, double[] more)
    {
        var flat = MemoryMarshal.CreateSpan(ref products[0, 0], products.Length);
        for (var i = 0; i < flat.Length; i++)
        {
            flat[i] += more[i];
        }
    }

    private static double[,] Mirrored(double[,] upper)
    {
        for (var i = 0; i < upper.GetLength(0); i++)
        {
            for (var j = 0; j < i; j++)
            {
                upper[i, j] = upper[j, i];
            }
        }

        return upper;
    }

    private static void AddTiles(double[,] products, ReadOnlySpan<double> a, ReadOnlySpan<double> b, int columns, bool upperOnly)
    {
        var m = products.GetLength(0);
        Span<double> tile = stackalloc double[Tile * Tile];
        for (var i = 0; i < m; i += Tile)
        {
            for (var j = upperOnly ? i : 0; j < m; j += Tile)
            {
                Multiply(a.Slice(i * columns, Tile * columns), b.Slice(j * columns, Tile * columns), columns, tile);
                for (var k = 0; k < tile.Length; k++)
                {
                    if (i + (k / Tile) < m && j + (k % Tile) < m)
                    {
                        products[i + (k / Tile), j + (k % Tile)] += tile[k];
                    }
                }
            }
        }
    }

    /// <summary>The nine products of three rows with three: one load serves three of them.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Multiply(ReadOnlySpan<double> a, ReadOnlySpan<double> b, int columns, Span<double> tile)
    {
        ref var x = ref MemoryMarshal.GetReference(a);
        ref var y = ref MemoryMarshal.GetReference(b);
        var (second, third) = ((nuint)columns, 2 * (nuint)columns);
        Vector<double> s00 = default, s01 = default, s02 = default, s10 = default, s11 = default, s12 = default, s20 = default, s21 = default, s22 = default;
        for (nuint c = 0; c < (nuint)columns; c += (nuint)Vector<double>.Count)
        {
            var y0 = Vector.LoadUnsafe(ref y, c);
            var y1 = Vector.LoadUnsafe(ref y, second + c);
            var y2 = Vector.LoadUnsafe(ref y, third + c);
            var x0 = Vector.LoadUnsafe(ref x, c);
            s00 = Vector.MultiplyAddEstimate(x0, y0, s00);
            s01 = Vector.MultiplyAddEstimate(x0, y1, s01);
            s02 = Vector.MultiplyAddEstimate(x0, y2, s02);
            var x1 = Vector.LoadUnsafe(ref x, second + c);
            s10 = Vector.MultiplyAddEstimate(x1, y0, s10);
            s11 = Vector.MultiplyAddEstimate(x1, y1, s11);
            s12 = Vector.MultiplyAddEstimate(x1, y2, s12);
            var x2 = Vector.LoadUnsafe(ref x, third + c);
            s20 = Vector.MultiplyAddEstimate(x2, y0, s20);
            s21 = Vector.MultiplyAddEstimate(x2, y1, s21);
            s22 = Vector.MultiplyAddEstimate(x2, y2, s22);
        }

        (tile[0], tile[1], tile[2]) = (Vector.Sum(s00), Vector.Sum(s01), Vector.Sum(s02));
        (tile[3], tile[4], tile[5]) = (Vector.Sum(s10), Vector.Sum(s11), Vector.Sum(s12));
        (tile[6], tile[7], tile[8]) = (Vector.Sum(s20), Vector.Sum(s21), Vector.Sum(s22));
    }

    private static int Padded(int length, int multiple) => (length + multiple - 1) / multiple * multiple;

    /// <summary>Some columns of a matrix at a time, in float64, with zeros beside them: rows to whole tiles, columns to the width of a slice.</summary>
    private sealed class Slices
    {
        private readonly Tensor matrix;
        private readonly int rows;
        private readonly long length;
        private readonly int columns;
        private readonly bool onHost;
        private readonly bool isInPlace;
        private readonly Tensor padded; // torch's memory begins where a vector may begin; arrays do not

        public Slices(Tensor matrix, int columns, bool onHost)
        {
            this.matrix = matrix.detach();
            this.columns = columns;
            this.onHost = onHost;
            (rows, length) = ((int)matrix.shape[0], matrix.shape[1]);
            isInPlace = IsInPlace(matrix);
            padded = zeros(onHost ? Padded(rows, Tile) * columns : 0, ScalarType.Float64);
            Rows = matrix;
        }

        /// <summary>The slice, where it is not on the host.</summary>
        public Tensor Rows { get; private set; }

        /// <summary>The slice, padded.</summary>
        public Span<double> Values => HostValues.Direct<double>(padded);

        /// <summary>Whether the entries can be read where they are.</summary>
        public static bool IsInPlace(Tensor matrix) => matrix.dtype is ScalarType.Float32 or ScalarType.Float64 && HostValues.IsDirect(matrix);

        public void Read(long start)
        {
            var width = (int)Math.Min(columns, length - start);
            if (!onHost)
            {
                Rows = matrix.narrow(1, start, width).to(ScalarType.Float64);
                return;
            }

            var values = Values;
            var isFloat = isInPlace && matrix.dtype == ScalarType.Float32;
            ReadOnlySpan<float> floats = isFloat ? HostValues.Direct<float>(matrix) : [];
            ReadOnlySpan<double> doubles = isFloat ? [] : isInPlace ? HostValues.Direct<double>(matrix) : HostValues.Of(matrix.narrow(1, start, width));
            var (stride, first) = isInPlace ? (length, start) : (width, 0);
            for (var i = 0; i < rows; i++)
            {
                var row = values.Slice(i * columns, columns);
                var at = (int)((i * stride) + first);
                if (isFloat)
                {
                    Widen(floats.Slice(at, width), row);
                }
                else
                {
                    doubles.Slice(at, width).CopyTo(row);
                }

                row[width..].Clear();
            }
        }

        private static void Widen(ReadOnlySpan<float> from, Span<double> to)
        {
            ref var source = ref MemoryMarshal.GetReference(from);
            ref var target = ref MemoryMarshal.GetReference(to);
            var whole = from.Length - (from.Length % Vector<float>.Count);
            for (var i = 0; i < whole; i += Vector<float>.Count)
            {
                Vector.Widen(Vector.LoadUnsafe(ref source, (nuint)i), out var low, out var high);
                low.StoreUnsafe(ref target, (nuint)i);
                high.StoreUnsafe(ref target, (nuint)(i + Vector<double>.Count));
            }

            for (var i = whole; i < from.Length; i++)
            {
                to[i] = from[i];
            }
        }
    }
}
