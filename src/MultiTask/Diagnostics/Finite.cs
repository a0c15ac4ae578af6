using System.Numerics;
using System.Runtime.InteropServices;
using MultiTask.Numerics;
using MultiTask.Training;
using TorchSharp;
using static TorchSharp.torch;

namespace MultiTask.Diagnostics;

/// <summary>Looks for values that are NaN or infinite.</summary>
internal static class Finite
{
    /// <summary>
    /// One that is NaN or infinite, or <c>null</c>. Values on the host are looked at in place, which for many small tensors
    /// takes a third of the time of a norm; all others by the norm of those on a device, which takes one wait for it.
    /// </summary>
    public static double? Offender(IEnumerable<Tensor> tensors)
    {
        List<Tensor> others = [];
        foreach (var tensor in tensors)
        {
            if (tensor.is_sparse || !HostValues.IsInPlace(tensor))
            {
                others.Add(tensor);
            }
            else if (InPlace(tensor) is { } offender)
            {
                return offender;
            }
        }

        return others
            .GroupBy(tensor => (tensor.device_type, tensor.device_index))
            .Where(alike => !double.IsFinite(GradientNorm.Of(alike)))
            .SelectMany(alike => alike)
            .Select(Exactly)
            .FirstOrDefault(offender => offender is not null);
    }

    /// <summary>A norm may also overflow.</summary>
    private static double? Exactly(Tensor tensor)
    {
        using var scope = NewDisposeScope();
        var dense = tensor.is_sparse ? tensor.to_dense() : tensor;
        var offenders = dense.masked_select(dense.isfinite().logical_not_());
        return offenders.numel() == 0 ? null : offenders[0].ToDouble();
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
