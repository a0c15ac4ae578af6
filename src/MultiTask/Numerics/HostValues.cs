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
        using var scope = NewDisposeScope();
        return tensor.detach().cpu().to(ScalarType.Float64).contiguous().data<double>().ToArray();
    }
}
