using TorchSharp;
using static TorchSharp.torch;

namespace MultiTask.Sharing;

/// <summary>Layer normalisation of the last dimension.</summary>
internal static class LayerNormalization
{
    public static Tensor Normalized(this Tensor values, Tensor scale, Tensor shift, double eps) => values.device_type == DeviceType.META
        ? values // The native library has no kernel for shapes alone; this one stays.
        : nn.functional.layer_norm(values, [values.size(-1)], scale, shift, eps);
}
