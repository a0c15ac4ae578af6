using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using TorchSharp;
using static TorchSharp.torch;

namespace MultiTask.Numerics;

/// <summary>Σ wᵢ × row i.</summary>
internal static class RowSum
{
    private const int Columns = 2048; // at a time, so that their sum stays in the cache

    /// <param name="rows">The rows.</param>
    /// <param name="weights">A weight for each row.</param>
    /// <returns>The sum, <c>[n]</c>.</returns>
    public static Tensor Of(PiecewiseRows rows, IReadOnlyList<double> weights) => IsInPlace(rows) ? OnHost(rows, weights) : OnDevice(rows, weights);

    /// <summary>Whether all pieces are of one type and can be read where they are.</summary>
    internal static bool IsInPlace(PiecewiseRows rows) =>
        rows.Dtype is ScalarType.Float32 or ScalarType.Float64
        && rows.Length <= int.MaxValue / sizeof(double)
        && rows.Device.type == DeviceType.CPU
        && rows.All(piece => piece.dtype == rows.Dtype && HostValues.IsInPlace(piece));

    private static Tensor OnDevice(PiecewiseRows rows, IReadOnlyList<double> weights)
    {
        using var scope = NewDisposeScope();
        var w = tensor(weights.ToArray(), rows.Dtype, rows.Device);
        Tensor[] parts = [.. rows.Segments(PiecewiseRows.EntriesElsewhere).Select(Sum)];
        return (parts.Length == 0 ? zeros(0, rows.Dtype, rows.Device) : cat(parts)).MoveToOuterDisposeScope();

        Tensor Sum(IEnumerable<(int Piece, long Start, long Width)> segments)
        {
            using var step = NewDisposeScope();
            return w.matmul(rows.Slice(segments)).MoveToOuterDisposeScope();
        }
    }

    private static Tensor OnHost(PiecewiseRows rows, IReadOnlyList<double> weights)
    {
        var sum = empty(rows.Length, rows.Dtype);
        if (rows.Dtype == ScalarType.Float32)
        {
            Fill(HostValues.Direct<float>(sum), rows, [.. weights.Select(w => (float)w)]);
        }
        else
        {
            Fill(HostValues.Direct<double>(sum), rows, [.. weights]);
        }

        return sum;
    }

    private static void Fill<T>(Span<T> sum, PiecewiseRows rows, ReadOnlySpan<T> weights)
        where T : unmanaged, INumberBase<T>
    {
        foreach (var (k, size) in rows.Sizes.Index())
        {
            var pieces = Weighted(rows.OnHost(k), weights);
            for (var start = 0; start < size; start += Columns)
            {
                var part = sum.Slice(start, (int)Math.Min(Columns, size - start));
                part.Clear();
                var odd = pieces.Count % 2;
                if (odd == 1)
                {
                    Add(part, pieces[0].Piece.Slice<T>(start, part.Length), pieces[0].Weight);
                }

                for (var i = odd; i < pieces.Count; i += 2)
                {
                    var (first, second) = (pieces[i], pieces[i + 1]);
                    Add(part, first.Piece.Slice<T>(start, part.Length), first.Weight, second.Piece.Slice<T>(start, part.Length), second.Weight);
                }
            }

            sum = sum[(int)size..];
        }
    }

    /// <summary>The pieces that are not zeros.</summary>
    private static List<(HostPiece Piece, T Weight)> Weighted<T>(HostPiece[] pieces, ReadOnlySpan<T> weights)
    {
        List<(HostPiece Piece, T Weight)> weighted = [];
        for (var i = 0; i < pieces.Length; i++)
        {
            if (!pieces[i].IsZero)
            {
                weighted.Add((pieces[i], weights[i]));
            }
        }

        return weighted;
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Add<T>(Span<T> sum, ReadOnlySpan<T> x, T a)
        where T : unmanaged, INumberBase<T>
    {
        ref var target = ref MemoryMarshal.GetReference(sum);
        ref var source = ref MemoryMarshal.GetReference(x);
        var va = new Vector<T>(a);
        var whole = sum.Length - (sum.Length % Vector<T>.Count);
        for (nuint i = 0; i < (nuint)whole; i += (nuint)Vector<T>.Count)
        {
            (Vector.LoadUnsafe(ref target, i) + (va * Vector.LoadUnsafe(ref source, i))).StoreUnsafe(ref target, i);
        }

        for (var i = whole; i < sum.Length; i++)
        {
            sum[i] += a * x[i];
        }
    }

    /// <summary>Adds two rows, for one reading and writing of the sum.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    private static void Add<T>(Span<T> sum, ReadOnlySpan<T> x, T a, ReadOnlySpan<T> y, T b)
        where T : unmanaged, INumberBase<T>
    {
        ref var target = ref MemoryMarshal.GetReference(sum);
        ref var first = ref MemoryMarshal.GetReference(x);
        ref var second = ref MemoryMarshal.GetReference(y);
        var (va, vb) = (new Vector<T>(a), new Vector<T>(b));
        var whole = sum.Length - (sum.Length % Vector<T>.Count);
        for (nuint i = 0; i < (nuint)whole; i += (nuint)Vector<T>.Count)
        {
            var more = (va * Vector.LoadUnsafe(ref first, i)) + (vb * Vector.LoadUnsafe(ref second, i));
            (Vector.LoadUnsafe(ref target, i) + more).StoreUnsafe(ref target, i);
        }

        for (var i = whole; i < sum.Length; i++)
        {
            sum[i] += (a * x[i]) + (b * y[i]);
        }
    }
}
