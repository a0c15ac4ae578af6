using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using static TorchSharp.torch;

namespace MultiTask.Numerics;

/// <summary>A piece of a row, as the host reads it: where it is, if it can. Where that is, is asked once, for to ask costs a native call.</summary>
/// <remarks>Its tensor has to outlive it.</remarks>
internal readonly unsafe struct HostPiece
{
    private readonly ScalarType dtype;
    private readonly void* start;
    private readonly Tensor? elsewhere;

    /// <param name="piece">A tensor of any layout, or <c>null</c> for zeros.</param>
    public HostPiece(Tensor? piece)
    {
        if (piece is null || piece.numel() == 0)
        {
            IsZero = true;
        }
        else if (IsInPlace(piece))
        {
            dtype = piece.dtype;
            start = Unsafe.AsPointer(ref MemoryMarshal.GetReference(piece.bytes));
        }
        else
        {
            elsewhere = piece.detach().reshape(-1);
        }
    }

    /// <summary>Whether there is nothing but zeros.</summary>
    public bool IsZero { get; }

    /// <summary>Whether the values can be read where they are.</summary>
    public static bool IsInPlace(Tensor piece) => piece.dtype is ScalarType.Float32 or ScalarType.Float64 && HostValues.IsDirect(piece);

    /// <summary>Some of the values, where they are of this type and in place.</summary>
    public ReadOnlySpan<T> Slice<T>(long from, int length)
        where T : unmanaged => new((T*)start + from, length);

    /// <summary>Copies some of the values, as float64.</summary>
    public void CopyTo(long from, Span<double> target)
    {
        if (IsZero)
        {
            target.Clear();
        }
        else if (elsewhere is not null)
        {
            using var scope = NewDisposeScope();
            HostValues.Of(elsewhere.narrow(0, from, target.Length)).CopyTo(target);
        }
        else if (dtype == ScalarType.Float32)
        {
            Widen(Slice<float>(from, target.Length), target);
        }
        else
        {
            Slice<double>(from, target.Length).CopyTo(target);
        }
    }

    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
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
