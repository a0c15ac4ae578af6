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

        using var scope = NewDisposeScope();
        var tensors = scalars.Values;
        var dtype = tensors[0].dtype;
        var alike = tensors.All(t => t.dtype == dtype);
        using var off = no_grad();
        var values = Of(stack(alike ? tensors : tensors.Select(t => t.cpu().to(ScalarType.Float64))));
        var next = 0;
        return scalars.Map((_, _) => values[next++]);
    }

    public static double[] Of(Tensor tensor)
    {
        if (tensor.dtype == ScalarType.Float64 && IsDirect(tensor))
        {
            var values = Direct<double>(tensor).ToArray();
            GC.KeepAlive(tensor);
            return values;
        }

        using var scope = NewDisposeScope();
        return Direct<double>(tensor.detach().cpu().to(ScalarType.Float64).contiguous()).ToArray();
    }

    /// <summary>Whether the values can be read where they are.</summary>
    public static bool IsDirect(Tensor tensor) =>
        tensor.device_type == DeviceType.CPU && tensor.is_contiguous() && tensor.numel() <= int.MaxValue / tensor.ElementSize;

    /// <summary>The values themselves, of a tensor that <see cref="IsDirect"/> and has the type; the caller keeps it alive.</summary>
    public static Span<T> Direct<T>(Tensor tensor)
        where T : unmanaged => MemoryMarshal.Cast<byte, T>(tensor.bytes);
}
