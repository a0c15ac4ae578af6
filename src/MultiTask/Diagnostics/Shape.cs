using static TorchSharp.torch;

namespace MultiTask.Diagnostics;

/// <summary>Shapes for messages: <c>[128, 5]</c>.</summary>
internal static class Shape
{
    public static string Of(Tensor tensor) => Text(tensor.shape);

    /// <summary>The tensors, if all have the shape of the first.</summary>
    public static IReadOnlyList<Tensor> Alike(IReadOnlyList<Tensor> tensors, string expected) =>
        tensors.FirstOrDefault(t => !t.shape.AsSpan().SequenceEqual(tensors[0].shape)) is { } other
            ? throw new ArgumentException($"{expected} Found {Of(tensors[0])} and {Of(other)}.")
            : tensors;

    public static string Text(IEnumerable<long> shape) => $"[{string.Join(", ", shape)}]";
}
