using System.Text.Json;
using MultiTask.Diagnostics;
using static TorchSharp.torch;

namespace MultiTask.Training;

/// <summary>The JSON of a safetensors header, taken apart and checked entry by entry.</summary>
internal static class SafetensorsJson
{
    private static readonly JsonDocumentOptions Strict = new() { AllowDuplicateProperties = false };

    /// <summary>Parses a header.</summary>
    /// <param name="json">Valid UTF-8.</param>
    /// <param name="source">What messages call the file.</param>
    /// <returns>The entries in the order of their bytes.</returns>
    public static SafetensorsHeader Parse(byte[] json, string source)
    {
        try
        {
            using var document = JsonDocument.Parse(json, Strict);
            return Parse(document.RootElement);
        }
        catch (Exception e) when (e is JsonException or FormatException or InvalidOperationException)
        {
            // FormatException: our own, below. InvalidOperationException: a text that is not Unicode.
            throw new InvalidDataException($"{source}: the header is not that of a safetensors file: {e.Message}", e);
        }
    }

    private static SafetensorsHeader Parse(JsonElement root)
    {
        var metadata = new Dictionary<string, string>(StringComparer.Ordinal);
        var entries = new List<SafetensorsEntry>();
        foreach (var property in root.EnumerateObject())
        {
            if (property.NameEquals(SafetensorsWriter.MetadataKey))
            {
                ReadMetadata(property.Value, metadata);
            }
            else
            {
                entries.Add(ReadEntry(property.Name, property.Value));
            }
        }

        return new(metadata, [.. entries.OrderBy(e => e.Offset).ThenBy(e => e.Length)]);
    }

    private static void ReadMetadata(JsonElement element, Dictionary<string, string> metadata)
    {
        Expect(element.ValueKind == JsonValueKind.Object, SafetensorsWriter.MetadataKey, "should be an object");
        foreach (var property in element.EnumerateObject())
        {
            Expect(property.Value.ValueKind == JsonValueKind.String, SafetensorsWriter.MetadataKey, $"should hold texts; '{property.Name}' is none");
            metadata.Add(property.Name, property.Value.GetString()!);
        }
    }

    private static SafetensorsEntry ReadEntry(string name, JsonElement element)
    {
        Expect(element.ValueKind == JsonValueKind.Object, name, "should be an object");
        var type = ReadType(name, element);
        var shape = ReadNumbers(name, element, "shape");
        var offsets = ReadNumbers(name, element, "data_offsets");
        Expect(offsets.Length == 2 && offsets[0] <= offsets[1], name, $"data_offsets should be a begin and an end. Found {Shape.Text(offsets)}");
        var length = offsets[1] - offsets[0];
        var expected = LengthOf(name, type, shape);
        Expect(length == expected, name, $"{SafetensorsTypes.NameOf(type)} {Shape.Text(shape)} has {expected} bytes. Found {length}");
        return new(name, type, shape, offsets[0], length);
    }

    private static ScalarType ReadType(string name, JsonElement element)
    {
        Expect(element.TryGetProperty("dtype", out var dtype) && dtype.ValueKind == JsonValueKind.String, name, "dtype should be a text");
        var type = SafetensorsTypes.Find(dtype.GetString()!);
        Expect(type is not null, name, $"the types that can be read are {SafetensorsTypes.Names}. Found {dtype}");
        return type!.Value;
    }

    private static long[] ReadNumbers(string name, JsonElement element, string key)
    {
        Expect(element.TryGetProperty(key, out var array) && array.ValueKind == JsonValueKind.Array, name, $"{key} should be a list");
        return [.. array.EnumerateArray().Select(ReadNumber)];

        long ReadNumber(JsonElement item)
        {
            var number = -1L;
            Expect(item.ValueKind == JsonValueKind.Number && item.TryGetInt64(out number) && number >= 0, name, $"{key} should hold whole numbers ≥ 0. Found {item}");
            return number;
        }
    }

    private static long LengthOf(string name, ScalarType type, long[] shape)
    {
        try
        {
            var strided = shape.Aggregate((long)SafetensorsTypes.SizeOf(type), (product, n) => checked(product * Math.Max(n, 1)));
            return shape.Contains(0) ? 0 : strided;
        }
        catch (OverflowException)
        {
            throw new FormatException($"tensor '{name}': {Shape.Text(shape)} has more elements than can be counted");
        }
    }

    private static void Expect(bool condition, string name, string message)
    {
        if (!condition)
        {
            throw new FormatException($"tensor '{name}': {message}");
        }
    }
}
