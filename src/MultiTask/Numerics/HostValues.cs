using System.Numerics;
using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using TorchSharp;
using static TorchSharp.torch;

namespace MultiTask.Numerics;

/// <summary>Brings small tensors to the host as <c>double</c>s: where they are there, by a look, else by one copy.</summary>
internal static class HostValues
{
    public static TaskMap<double> Of(TaskMap<Tensor> scalars)
    {
        if (scalars.Count == 0)
        {
            return [];
        }

        var tensors = scalars.Values;
        if (tensors.All(t => t.device_type == DeviceType.CPU))
        {
            return scalars.Map((_, scalar) => Of(scalar)[0]); // less than one native call for each
        }

        using var scope = NewDisposeScope();
        var dtype = tensors[0].dtype;
        var alike = tensors.All(t => t.dtype == dtype);
        using var off = no_grad();
        var values = Of(stack(alike ? tensors : tensors.Select(t => t.cpu().to(ScalarType.Float64))));
        var next = 0;
        return scalars.Map((_, _) => values[next++]);
    }

    public static double[] Of(Tensor tensor)
    {
        if (IsInPlace(tensor))
        {
            double[] values = tensor.dtype == ScalarType.Float64 ? [.. Direct<double>(tensor)] : Widened(Direct<float>(tensor));
            GC.KeepAlive(tensor);
            return values;
        }

        using var scope = NewDisposeScope();
        return Direct<double>(tensor.detach().cpu().to(ScalarType.Float64).contiguous()).ToArray();
    }

    private static double[] Widened(ReadOnlySpan<float> values)
    {
        var wide = new double[values.Length];
        Widen(values, wide);
        return wide;
    }

    /// <summary>Copies values, as float64.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)]
    public static void Widen(ReadOnlySpan<float> from, Span<double> to)
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

    /// <summary>Whether the values can be read where they are.</summary>
    public static bool IsDirect(Tensor tensor) =>
        tensor.device_type == DeviceType.CPU && tensor.is_contiguous() && tensor.numel() <= int.MaxValue / tensor.ElementSize;

    /// <summary>Whether they can be, and are floating-point numbers as the host has them.</summary>
    public static bool IsInPlace(Tensor tensor) => tensor.dtype is ScalarType.Float32 or ScalarType.Float64 && IsDirect(tensor);

    /// <summary>The values themselves, of a tensor that <see cref="IsDirect"/> and has the type; the caller keeps it alive.</summary>
    public static Span<T> Direct<T>(Tensor tensor)
        where T : unmanaged => MemoryMarshal.Cast<byte, T>(tensor.bytes);
}
