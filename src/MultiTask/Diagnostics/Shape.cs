using static TorchSharp.torch;

namespace MultiTask.Diagnostics;

/// <summary>Shapes for messages: <c>[128, 5]</c>.</summary>
internal static class Shape
{
    public static string Of(Tensor tensor) => Text(tensor.shape);

    public static string Text(IEnumerable<long> shape) => $"[{string.Join(", ", shape)}]";
}
