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
        if (Direct(tensor) is { IsEmpty: false } values)
        {
            return values.ToArray();
        }

        using var scope = NewDisposeScope();
        return Direct(tensor.detach().cpu().to(ScalarType.Float64).contiguous()).ToArray();
    }

    /// <summary>The values themselves, of a tensor that is on the host, contiguous and float64; otherwise none.</summary>
    public static Span<double> Direct(Tensor tensor) =>
        tensor.dtype == ScalarType.Float64 && tensor.device_type == DeviceType.CPU && tensor.is_contiguous()
            ? MemoryMarshal.Cast<byte, double>(tensor.bytes)
            : [];
}
