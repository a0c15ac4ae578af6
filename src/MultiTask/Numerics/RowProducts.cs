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
        var left = new PiecewiseRows(a);
        return ReferenceEquals(a, b) ? Mirrored(Of(left, left, threads)) : Of(left, new(b), threads);
    }

    /// <returns>aᵢ · aⱼ, m × m; symmetric to the last bit.</returns>
    public static double[,] OfItself(PiecewiseRows a) => Mirrored(Of(a, a, get_num_threads()));

    private static double[,] Of(PiecewiseRows a, PiecewiseRows b, int threads)
    {
        using var scope = NewDisposeScope();
        return a.Device.type is DeviceType.CPU or DeviceType.MPS // MPS has no float64
            ? OnHost(a, b, threads)
            : OnDevice(a, b);
    }

    /// <summary>By torch, without bringing the rows to the host.</summary>
    internal static double[,] OnDevice(PiecewiseRows a, PiecewiseRows b)
    {
        using var scope = NewDisposeScope();
        var sum = zeros([a.Count, a.Count], ScalarType.Float64, a.Device);
        foreach (var segments in a.Segments(PiecewiseRows.EntriesElsewhere))
        {
            using var step = NewDisposeScope();
            var left = a.Slice(segments).to(ScalarType.Float64);
            var right = ReferenceEquals(a, b) ? left : b.Slice(segments).to(ScalarType.Float64);
            sum.add_(left.matmul(right.t()));
        }

        var products = new double[a.Count, a.Count];
        HostValues.Of(sum).CopyTo(MemoryMarshal.CreateSpan(ref products[0, 0], products.Length));
        return products;
    }

    private static double[,] OnHost(PiecewiseRows a, PiecewiseRows b, int threads)
    {
        var (m, n) = (a.Count, a.Length);
        var symmetric = ReferenceEquals(a, b);
        var isInPlace = a.All(HostValues.IsInPlace) && b.All(HostValues.IsInPlace);
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
            var (start, end) = (n * part / parts.Length, n * (part + 1) / parts.Length);
            var left = new Slices(a, columns, start, end);
            var right = symmetric ? left : new Slices(b, columns, start, end);
            parts[part] = new Vector<double>[Padded(m, Tile) * Padded(m, Tile)];
            while (left.Read())
            {
                if (!symmetric)
                {
                    right.Read();
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

    /// <summary>Some columns of the rows at a time, in float64, with zeros beside them: rows to whole tiles, columns to the width of a slice.</summary>
    private ref struct Slices
    {
        private readonly PiecewiseRows rows;
        private HostPiece[] pieces = [];
        private int next; // piece
        private long at; // in the piece
        private long size; // of the piece
        private long left; // of all columns

        /// <param name="rows">The rows.</param>
        /// <param name="columns">How many columns there are in a slice.</param>
        /// <param name="start">Where the first slice begins.</param>
        /// <param name="end">Where the last slice ends.</param>
        public Slices(PiecewiseRows rows, int columns, long start, long end)
        {
            (this.rows, Columns, left) = (rows, columns, end - start);
            Values = HostValues.Direct<double>(zeros(Padded(rows.Count, Tile) * columns, ScalarType.Float64)); // begins where a vector may begin; an array does not
            for (at = start; next < rows.Sizes.Length && at >= rows.Sizes[next]; next++)
            {
                at -= rows.Sizes[next];
            }

            Open(at);
        }

        /// <summary>How many columns there are in a slice, to whole vectors.</summary>
        public int Columns { get; }

        /// <summary>How many tiles there are, one below the other.</summary>
        public readonly int Tiles => Padded(rows.Count, Tile) / Tile;

        /// <summary>The slice, padded.</summary>
        public Span<double> Values { get; }

        /// <summary>Reads the next slice; false at the end.</summary>
        public bool Read()
        {
            var filled = 0;
            while (filled < Columns && left > 0)
            {
                if (at == size)
                {
                    Open(0);
                    continue;
                }

                var width = (int)Math.Min(Columns - filled, Math.Min(size - at, left));
                for (var i = 0; i < pieces.Length; i++)
                {
                    pieces[i].CopyTo(at, Values.Slice((i * Columns) + filled, width));
                }

                (at, filled, left) = (at + width, filled + width, left - width);
            }

            for (var i = 0; i < pieces.Length && filled < Columns; i++)
            {
                Values.Slice((i * Columns) + filled, Columns - filled).Clear();
            }

            return filled > 0;
        }

        /// <summary>Goes to the next piece.</summary>
        private void Open(long from)
        {
            if (next < rows.Sizes.Length)
            {
                (pieces, size, at) = (rows.OnHost(next), rows.Sizes[next], from);
                next++;
            }
        }
    }
}
