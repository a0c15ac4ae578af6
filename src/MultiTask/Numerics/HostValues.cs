using System.Runtime.InteropServices;
using TorchSharp;
using static TorchSharp.torch;

namespace MultiTask.Numerics;

/// <summary>Brings small tensors to the host as <c>double</c>s, by one copy.</summary>
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
        if (tensor.dtype is ScalarType.Float32 or ScalarType.Float64 && IsDirect(tensor))
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
        for (var i = 0; i < wide.Length; i++)
        {
            wide[i] = values[i];
        }

        return wide;
    }

    /// <summary>Whether the values can be read where they are.</summary>
    public static bool IsDirect(Tensor tensor) =>
        tensor.device_type == DeviceType.CPU && tensor.is_contiguous() && tensor.numel() <= int.MaxValue / tensor.ElementSize;

    /// <summary>The values themselves, of a tensor that <see cref="IsDirect"/> and has the type; the caller keeps it alive.</summary>
    public static Span<T> Direct<T>(Tensor tensor)
        where T : unmanaged => MemoryMarshal.Cast<byte, T>(tensor.bytes);
}
