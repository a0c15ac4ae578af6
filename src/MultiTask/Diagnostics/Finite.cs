using System.Numerics;
using System.Runtime.InteropServices;
using MultiTask.Numerics;
using MultiTask.Training;
using static TorchSharp.torch;

namespace MultiTask.Diagnostics;

/// <summary>Looks for values that are NaN or infinite.</summary>
internal static class Finite
{
    /// <summary>
    /// One that is NaN or infinite, or <c>null</c>. Values on the host are looked at in place, which for many small tensors
    /// takes a third of the time of a norm; all others by their common norm, which takes one wait for the device.
    /// </summary>
    public static double? Offender(IEnumerable<Tensor> tensors)
    {
        List<Tensor> others = [];
        foreach (var tensor in tensors)
        {
            if (tensor.is_sparse || !HostValues.IsDirect(tensor) || tensor.dtype is not (ScalarType.Float32 or ScalarType.Float64))
            {
                others.Add(tensor);
            }
            else if (InPlace(tensor) is { } offender)
            {
                return offender;
            }
        }

        var norm = GradientNorm.Of(others);
        return double.IsFinite(norm) ? null : norm;
    }

    private static double? InPlace(Tensor tensor)
    {
        var offender = tensor.dtype == ScalarType.Float32 ? First(HostValues.Direct<float>(tensor)) : First(HostValues.Direct<double>(tensor));
        GC.KeepAlive(tensor);
        return offender;
    }

    private static double? First<T>(ReadOnlySpan<T> values)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        var vectors = MemoryMarshal.Cast<T, Vector<T>>(values);
        var done = 0;
        while (done < vectors.Length && Vector.EqualsAll(vectors[done] - vectors[done], Vector<T>.Zero)) // ∞ − ∞ is NaN
        {
            done++;
        }

        foreach (var value in values[(done * Vector<T>.Count)..])
        {
            if (!T.IsFinite(value))
            {
                return double.CreateChecked(value);
            }
        }

        return null;
    }
}
