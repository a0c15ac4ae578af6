using static TorchSharp.torch;

namespace MultiTask.Training;

/// <summary>What a safetensors file says about its contents, before any number is read.</summary>
/// <param name="Metadata">Free text by name; empty where there is none.</param>
/// <param name="Tensors">The tensors, in the order of their bytes.</param>
public sealed record SafetensorsHeader(
    IReadOnlyDictionary<string, string> Metadata,
    IReadOnlyList<SafetensorsEntry> Tensors);

/// <summary>One tensor of a safetensors file.</summary>
/// <param name="Name">Its name, such as <c>trunk.encoder.fc.weight</c>.</param>
/// <param name="Type">The type of its elements.</param>
/// <param name="Shape">Its shape; empty for a scalar.</param>
/// <param name="Offset">Where its bytes begin, counted from the end of the header.</param>
/// <param name="Length">How many bytes it has: those of one element times the product of the shape.</param>
public sealed record SafetensorsEntry(string Name, ScalarType Type, IReadOnlyList<long> Shape, long Offset, long Length);
