using static TorchSharp.torch;

namespace MultiTask.Sharing;

/// <summary>The ReLU as a threshold: the native library has no kernel of the former for tensors without values (<c>META</c>).</summary>
internal static class Rectifier
{
    public static Tensor Rectified(this Tensor tensor) => nn.functional.threshold(tensor, 0, 0);
}
