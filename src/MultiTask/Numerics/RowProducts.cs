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
/// On the CPU the products are made here, of three rows with three at a time and of A Aᵀ for one triangle only, on as many threads
/// as torch has. It takes about as long as torch's product in float32 (docs/performance.md).
/// </remarks>
internal static class RowProducts
{
    private const int Tile = 3;
    private const int Columns = 1016; // three rows stay in the first cache; no power of two, or they would take each other's places there
    private const int Entries = 30_000; // of all rows: they stay in the second cache
    private const long ProductsOfThread = 1 << 22; // a fifth of a millisecond; for fewer a thread is not worth its while
    private const int EntriesCopied = 1 << 17; // of what has to be copied first
    private const int EntriesElsewhere = 1 << 22; // on other devices: few calls, of 32 MB

    /// <param name="a">A matrix, <c>[m, n]</c>.</param>
    /// <param name="b">A matrix of the same shape, on the same device.</param>
    /// <returns>aᵢ · bⱼ, m × m; symmetric to the last bit where <paramref name="b"/> is <paramref name="a"/>.</returns>
    public static double[,] Of(Tensor a, Tensor b) => Of(a, b, get_num_threads());

    /// <param name="a">A matrix.</param>
    /// <param name="b">Another, or the same.</param>
    /// <param name="threads">How many threads there may be, where they are worth their while.</param>
    internal static double[,] Of(Tensor a, Tensor b, int threads)
    {
        using var scope = NewDisposeScope();
        var symmetric = ReferenceEquals(a, b);
        var onHost = a.device_type is DeviceType.CPU or DeviceType.MPS; // MPS has no float64
        var products = onHost ? OnHost(a, b, symmetric, threads) : OnDevice(a.detach(), b.detach(), symmetric);
        return symmetric ? Mirrored(products) : products;
    }

    private static double[,] OnDevice(Tensor a, Tensor b, bool symmetric)
    {
        var m = a.shape[0];
        var sum = zeros([m, m], ScalarType.Float64, a.device);
        var columns = Math.Max(1, EntriesElsewhere / m);
        for (var start = 0L; start < a.shape[1]; start += columns)
        {
            using var step = NewDisposeScope();
            var left = Slice(a);
            sum.add_(left.matmul((symmetric ? left : Slice(b)).t()));

            Tensor Slice(Tensor matrix) => matrix.narrow(1, start, Math.Min(columns, matrix.shape[1] - start)).to(ScalarType.Float64);
        }

        var products = new double[m, m];
        HostValues.Of(sum).CopyTo(MemoryMarshal.CreateSpan(ref products[0, 0], products.Length));
        return products;
    }

    private static double[,] OnHost(Tensor a, Tensor b, bool symmetric, int threads)
    {
        var (m, n) = ((int)a.shape[0], a.shape[1]);
        var isInPlace = Slices.IsInPlace(a) && Slices.IsInPlace(b);
        var columns = Padded(Math.Max(1, isInPlace ? Math.Min(Columns, Entries / m) : EntriesCopied / m), Vector<double>.Count);
        var parts = new Vector<double>[isInPlace ? (int)Math.Clamp(n * m * m / ProductsOfThread, 1, threads) : 1][];
        if (parts.Length == 1)
        {
            AddPart(0);
        }
        else
        {
            Parallel.For(0, parts.Length, AddPart);
        }

        return Gathered(parts, m);

        void AddPart(int part)
        {
            using var scope = NewDisposeScope();
            var end = n * (part + 1) / parts.Length;
            var left = new Slices(a, columns, end);
            var right = symmetric ? left : new Slices(b, columns, end);
            parts[part] = new Vector<double>[Padded(m, Tile) * Padded(m, Tile)];
            for (var start = n * part / parts.Length; start < end; start += columns)
            {
                left.Read(start);
                if (!symmetric)
                {
                    right.Read(start);
                }

                AddTiles(parts[part], left, right, symmetric);
            }
        }
    }

    private static double[,] Gathered(Vector<double>[][] parts, int m)
    {
        var products = new double[m, m];
        var tiles = Padded(m, Tile) / Tile;
        for (var i = 0; i < m; i++)
        {
            for (var j = 0; j < m; j++)
            {
                var tile = (i / Tile * tiles) + (j / Tile);
                var at = (tile * Tile * Tile) + (i % Tile * Tile) + (j % Tile);
                products[i, j] = parts.Sum(sums => Vector.Sum(sums[at]));
            }
        }

        return products;
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

    private static void AddTiles(Span<Vector<double>> sums, Slices a, Slices b, bool symmetric)
    {
        var left = a.Values;
        var right = b.Values;
        var tiles = a.Tiles;
        var length = Tile * a.Columns;
        for (var i = 0; i < tiles; i++)
        {
            for (var j = symmetric ? i : 0; j < tiles; j++)
            {
                var tile = sums.Slice(((i * tiles) + j) * Tile * Tile, Tile * Tile);
                if (symmetric && i == j)
                {
                    AddUpper(left.Slice(i * length, length), a.Columns, tile);
                }
                else
                {
                    Add(left.Slice(i * length, length), right.Slice(j * length, length), a.Columns, tile);
                }
            }
        }
    }

    /// <summary>The nine products of three rows with three, as sums of whole vectors: one load serves three of them.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Add(ReadOnlySpan<double> a, ReadOnlySpan<double> b, int columns, Span<Vector<double>> tile)
    {
        ref var x = ref MemoryMarshal.GetReference(a);
        ref var y = ref MemoryMarshal.GetReference(b);
        var (second, third) = ((nuint)columns, 2 * (nuint)columns);
        var (s00, s01, s02) = (tile[0], tile[1], tile[2]);
        var (s10, s11, s12) = (tile[3], tile[4], tile[5]);
        var (s20, s21, s22) = (tile[6], tile[7], tile[8]);
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

        (tile[0], tile[1], tile[2]) = (s00, s01, s02);
        (tile[3], tile[4], tile[5]) = (s10, s11, s12);
        (tile[6], tile[7], tile[8]) = (s20, s21, s22);
    }

    /// <summary>The six products of three rows with themselves.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void AddUpper(ReadOnlySpan<double> a, int columns, Span<Vector<double>> tile)
    {
        ref var x = ref MemoryMarshal.GetReference(a);
        var (second, third) = ((nuint)columns, 2 * (nuint)columns);
        var (s00, s01, s02, s11, s12, s22) = (tile[0], tile[1], tile[2], tile[4], tile[5], tile[8]);
        for (nuint c = 0; c < (nuint)columns; c += (nuint)Vector<double>.Count)
        {
            var x0 = Vector.LoadUnsafe(ref x, c);
            var x1 = Vector.LoadUnsafe(ref x, second + c);
            var x2 = Vector.LoadUnsafe(ref x, third + c);
            s00 = Vector.MultiplyAddEstimate(x0, x0, s00);
            s01 = Vector.MultiplyAddEstimate(x0, x1, s01);
            s02 = Vector.MultiplyAddEstimate(x0, x2, s02);
            s11 = Vector.MultiplyAddEstimate(x1, x1, s11);
            s12 = Vector.MultiplyAddEstimate(x1, x2, s12);
            s22 = Vector.MultiplyAddEstimate(x2, x2, s22);
        }

        (tile[0], tile[1], tile[2], tile[4], tile[5], tile[8]) = (s00, s01, s02, s11, s12, s22);
    }

    private static int Padded(int length, int multiple) => (length + multiple - 1) / multiple * multiple;

    /// <summary>Some columns of a matrix at a time, in float64, with zeros beside them: rows to whole tiles, columns to the width of a slice.</summary>
    private readonly ref struct Slices
    {
        private readonly Tensor matrix;
        private readonly int rows;
        private readonly long length;
        private readonly long end;
        private readonly bool isInPlace;
        private readonly ReadOnlySpan<float> floats; // asked for once: to ask costs a native call
        private readonly ReadOnlySpan<double> doubles;

        /// <param name="matrix">The matrix.</param>
        /// <param name="columns">How many columns there are in a slice.</param>
        /// <param name="end">Where the last slice ends.</param>
        public Slices(Tensor matrix, int columns, long end)
        {
            this.matrix = matrix.detach();
            (rows, length, this.end, Columns) = ((int)matrix.shape[0], matrix.shape[1], end, columns);
            isInPlace = IsInPlace(matrix);
            floats = isInPlace && matrix.dtype == ScalarType.Float32 ? HostValues.Direct<float>(matrix) : [];
            doubles = isInPlace && matrix.dtype == ScalarType.Float64 ? HostValues.Direct<double>(matrix) : [];
            Values = HostValues.Direct<double>(zeros(Padded(rows, Tile) * columns, ScalarType.Float64)); // begins where a vector may begin; an array does not
        }

        /// <summary>How many columns there are in a slice, to whole vectors.</summary>
        public int Columns { get; }

        /// <summary>How many tiles there are, one below the other.</summary>
        public int Tiles => Padded(rows, Tile) / Tile;

        /// <summary>The slice, padded.</summary>
        public Span<double> Values { get; }

        /// <summary>Whether the entries can be read where they are.</summary>
        public static bool IsInPlace(Tensor matrix) => matrix.dtype is ScalarType.Float32 or ScalarType.Float64 && HostValues.IsDirect(matrix);

        public void Read(long start)
        {
            var width = (int)Math.Min(Columns, end - start);
            if (!isInPlace)
            {
                using var scope = NewDisposeScope();
                Fill(HostValues.Of(matrix.narrow(1, start, width)), start: 0, stride: width, width);
            }
            else if (floats.IsEmpty)
            {
                Fill(doubles, start, length, width);
            }
            else
            {
                for (var i = 0; i < rows; i++)
                {
                    Widen(floats.Slice((int)((i * length) + start), width), Row(i, width));
                }
            }
        }

        private void Fill(ReadOnlySpan<double> from, long start, long stride, int width)
        {
            for (var i = 0; i < rows; i++)
            {
                from.Slice((int)((i * stride) + start), width).CopyTo(Row(i, width));
            }
        }

        /// <summary>A row of the slice; what is beyond its width is zero.</summary>
        private Span<double> Row(int i, int width)
        {
            var row = Values.Slice(i * Columns, Columns);
            row[width..].Clear();
            return row;
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
