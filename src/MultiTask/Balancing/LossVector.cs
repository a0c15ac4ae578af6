using TorchSharp;
using static TorchSharp.torch;

namespace MultiTask.Balancing;

/// <summary>Losses as one float64 vector: squares and exponentials stay in range, and gradients flow back to each loss.</summary>
internal static class LossVector
{
    public static Tensor Of(TaskMap<Tensor> losses) => losses.Values.All(loss => loss.dtype == losses.Values[0].dtype)
        ? Exact(stack(losses.Values))
        : stack(losses.Values.Select(Exact));

    /// <summary>A vector of constants, beside another.</summary>
    public static Tensor Beside(Tensor vector, double[] values) => tensor(values, dtype: ScalarType.Float64, device: vector.device);

    private static Tensor Exact(Tensor losses) =>
        (losses.device_type == DeviceType.MPS ? losses.cpu() : losses).to(ScalarType.Float64); // MPS has no float64
}
