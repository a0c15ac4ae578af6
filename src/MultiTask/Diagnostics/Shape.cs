using static TorchSharp.torch;

namespace MultiTask.Diagnostics;

/// <summary>Shapes for messages: <c>[128, 5]</c>.</summary>
internal static class Shape
{
    public static string Of(Tensor tensor) => Text(tensor.shape);

    /// <summary>Whether two tensors have one shape; asking for a whole shape takes longer than the questions here.</summary>
    public static bool Same(Tensor a, Tensor b)
    {
        var dimensions = a.dim();
        if (b.dim() != dimensions)
        {
            return false;
        }

        for (var i = 0; i < dimensions; i++)
        {
            if (a.size(i) != b.size(i))
            {
                return false;
            }
        }

        return true;
    }

    /// <summary>The tensors, if all have the shape of the first.</summary>
    public static IReadOnlyList<Tensor> Alike(IReadOnlyList<Tensor> tensors, string expected) =>
        tensors.FirstOrDefault(t => !Same(t, tensors[0])) is { } other
            ? throw new ArgumentException($"{expected} Found {Of(tensors[0])} and {Of(other)}.")
            : tensors;

    public static string Text(IEnumerable<long> shape) => $"[{string.Join(", ", shape)}]";
}
