using System.Buffers.Binary;
using System.Text.Encodings.Web;
using System.Text.Json;
using static TorchSharp.torch;

namespace MultiTask.Training;

/// <summary>Lays tensors out and writes them as the safetensors specification says.</summary>
internal static class SafetensorsWriter
{
    public const string MetadataKey = "__metadata__";

    private const int Alignment = 8;
    private const int BufferSize = 64 * 1024;

    public static void Write(
        Stream stream,
        IEnumerable<KeyValuePair<string, Tensor>> tensors,
        IReadOnlyDictionary<string, string>? metadata)
    {
        var ordered = Ordered(tensors);
        var header = Header(ordered, metadata);
        Span<byte> length = stackalloc byte[sizeof(ulong)];
        BinaryPrimitives.WriteUInt64LittleEndian(length, (ulong)header.Length);
        stream.Write(length);
        stream.Write(header);
        foreach (var (_, tensor) in ordered)
        {
            WriteElements(stream, tensor);
        }
    }

    /// <summary>Widest elements first, then by name: every tensor is aligned, and equal contents give equal bytes.</summary>
    private static List<KeyValuePair<string, Tensor>> Ordered(IEnumerable<KeyValuePair<string, Tensor>> tensors)
    {
        var names = new HashSet<string>(StringComparer.Ordinal);
        var list = new List<KeyValuePair<string, Tensor>>();
        foreach (var (name, tensor) in tensors)
        {
            Check(name, tensor);
            if (!names.Add(name))
            {
                throw new ArgumentException($"Tensor names should be distinct. Found '{name}' twice.", nameof(tensors));
            }

            list.Add(new(name, tensor));
        }

        return
        [
            .. list.OrderByDescending(p => SafetensorsTypes.SizeOf(p.Value.dtype)).ThenBy(p => p.Key, StringComparer.Ordinal),
        ];
    }

    private static void Check(string name, Tensor tensor)
    {
        ArgumentNullException.ThrowIfNull(name);
        ArgumentNullException.ThrowIfNull(tensor, name);
        if (name == MetadataKey)
        {
            throw new ArgumentException($"A tensor should not be named '{MetadataKey}': safetensors keeps that name for itself.");
        }

        if (!SafetensorsTypes.Has(tensor.dtype))
        {
            throw new ArgumentException(
                $"Tensor '{name}': safetensors has the types {SafetensorsTypes.Names}. Found {tensor.dtype}.");
        }

        if (tensor.is_sparse)
        {
            throw new ArgumentException($"Tensor '{name}' should be dense. Found a sparse one.");
        }
    }

    private static byte[] Header(List<KeyValuePair<string, Tensor>> tensors, IReadOnlyDictionary<string, string>? metadata)
    {
        using var buffer = new MemoryStream();
        using (var json = new Utf8JsonWriter(buffer, new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping }))
        {
            json.WriteStartObject();
            WriteMetadata(json, metadata);
            var offset = 0L;
            foreach (var (name, tensor) in tensors)
            {
                offset = WriteEntry(json, name, tensor, offset);
            }

            json.WriteEndObject();
        }

        while (buffer.Length % Alignment != 0)
        {
            buffer.WriteByte((byte)' ');
        }

        return buffer.Length <= SafetensorsReader.HeaderLimit
            ? buffer.ToArray()
            : throw new ArgumentException(
                $"A safetensors header should have at most {SafetensorsReader.HeaderLimit} bytes. Found {buffer.Length}.");
    }

    private static void WriteMetadata(Utf8JsonWriter json, IReadOnlyDictionary<string, string>? metadata)
    {
        if (metadata is not { Count: > 0 })
        {
            return;
        }

        json.WriteStartObject(MetadataKey);
        foreach (var (key, value) in metadata.OrderBy(p => p.Key, StringComparer.Ordinal))
        {
            json.WriteString(key, value);
        }

        json.WriteEndObject();
    }

    private static long WriteEntry(Utf8JsonWriter json, string name, Tensor tensor, long offset)
    {
        var end = checked(offset + (tensor.numel() * SafetensorsTypes.SizeOf(tensor.dtype)));
        json.WriteStartObject(name);
        json.WriteString("dtype", SafetensorsTypes.NameOf(tensor.dtype));
        WriteNumbers(json, "shape", tensor.shape);
        WriteNumbers(json, "data_offsets", [offset, end]);
        json.WriteEndObject();
        return end;
    }

    private static void WriteNumbers(Utf8JsonWriter json, string name, ReadOnlySpan<long> numbers)
    {
        json.WriteStartArray(name);
        foreach (var number in numbers)
        {
            json.WriteNumberValue(number);
        }

        json.WriteEndArray();
    }

    private static void WriteElements(Stream stream, Tensor tensor)
    {
        if (tensor.numel() == 0)
        {
            return;
        }

        using var scope = NewDisposeScope();
        var elements = tensor.detach().resolve_neg().cpu().contiguous();
        elements.WriteBytesToStream(stream, BufferSize);
    }
}
