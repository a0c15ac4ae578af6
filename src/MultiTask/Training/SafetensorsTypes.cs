using static TorchSharp.torch;

namespace MultiTask.Training;

/// <summary>The element types that safetensors and TorchSharp have in common.</summary>
internal static class SafetensorsTypes
{
    private static readonly (ScalarType Type, string Name, int Size)[] Known =
    [
        (ScalarType.Float64, "F64", 8),
        (ScalarType.Float32, "F32", 4),
        (ScalarType.Float16, "F16", 2),
        (ScalarType.BFloat16, "BF16", 2),
        (ScalarType.Int64, "I64", 8),
        (ScalarType.Int32, "I32", 4),
        (ScalarType.Int16, "I16", 2),
        (ScalarType.Int8, "I8", 1),
        (ScalarType.Byte, "U8", 1),
        (ScalarType.Bool, "BOOL", 1),
    ];

    public static string Names { get; } = string.Join(", ", Known.Select(k => k.Name));

    public static bool Has(ScalarType type) => Array.Exists(Known, k => k.Type == type);

    public static string NameOf(ScalarType type) => Array.Find(Known, k => k.Type == type).Name;

    public static int SizeOf(ScalarType type) => Array.Find(Known, k => k.Type == type).Size;

    public static ScalarType? Find(string name) =>
        Array.FindIndex(Known, k => k.Name == name) is var i and >= 0 ? Known[i].Type : null;
}
