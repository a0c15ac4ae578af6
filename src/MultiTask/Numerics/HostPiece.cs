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
        else if (HostValues.IsInPlace(piece))
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
            HostValues.Widen(Slice<float>(from, target.Length), target);
        }
        else
        {
            Slice<double>(from, target.Length).CopyTo(target);
        }
    }
}
