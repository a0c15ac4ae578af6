using System.Buffers.Binary;
using System.Text.Unicode;
using static TorchSharp.torch;

namespace MultiTask.Training;

/// <summary>
/// Reads safetensors and trusts nothing: every length is compared with the file's before memory is taken for it.
/// </summary>
internal static class SafetensorsReader
{
    /// <summary>The specification's limit on the header, in bytes.</summary>
    public const int HeaderLimit = 100_000_000;

    private const int BufferSize = 64 * 1024;

    /// <summary>Reads everything.</summary>
    /// <param name="stream">Stands at the beginning of the contents.</param>
    /// <param name="length">How many bytes the contents have.</param>
    /// <param name="source">What messages call the file.</param>
    public static Dictionary<string, Tensor> Read(Stream stream, long length, string source)
    {
        var header = ReadHeader(stream, length, source);
        return ReadTensors(stream, header, source);
    }

    /// <summary>Reads the tensors.</summary>
    /// <param name="stream">Stands where <see cref="ReadHeader"/> left it.</param>
    /// <param name="header">What <see cref="ReadHeader"/> gave.</param>
    /// <param name="source">What messages call the file.</param>
    public static Dictionary<string, Tensor> ReadTensors(Stream stream, SafetensorsHeader header, string source)
    {
        var tensors = new Dictionary<string, Tensor>(header.Tensors.Count, StringComparer.Ordinal);
        try
        {
            foreach (var entry in header.Tensors)
            {
                var tensor = empty([.. entry.Shape], dtype: entry.Type, device: CPU);
                tensors.Add(entry.Name, tensor);
                ReadElements(stream, tensor, entry, source);
            }

            return tensors;
        }
        catch
        {
            foreach (var tensor in tensors.Values)
            {
                tensor.Dispose();
            }

            throw;
        }
    }

    /// <summary>Reads the header only; the stream then stands at the first tensor's first byte.</summary>
    /// <param name="stream">Stands at the beginning of the contents.</param>
    /// <param name="length">How many bytes the contents have.</param>
    /// <param name="source">What messages call the file.</param>
    public static SafetensorsHeader ReadHeader(Stream stream, long length, string source)
    {
        var json = ReadJson(stream, length, source);
        var header = SafetensorsJson.Parse(json, source);
        CheckLayout(header.Tensors, length - sizeof(ulong) - json.Length, source);
        return header;
    }

    private static byte[] ReadJson(Stream stream, long length, string source)
    {
        if (length < sizeof(ulong))
        {
            throw Invalid(source, $"a safetensors file has at least {sizeof(ulong)} bytes. Found {length}");
        }

        Span<byte> prefix = stackalloc byte[sizeof(ulong)];
        ReadExactly(stream, prefix, source);
        var size = BinaryPrimitives.ReadUInt64LittleEndian(prefix);
        if (size > HeaderLimit)
        {
            throw Invalid(source, $"a safetensors header has at most {HeaderLimit} bytes. Found {size}; it is probably another kind of file");
        }

        if ((long)size > length - sizeof(ulong))
        {
            throw Invalid(source, $"the header should have {size} bytes, but only {length - sizeof(ulong)} follow; the file is cut off or of another kind");
        }

        var json = new byte[(int)size];
        ReadExactly(stream, json, source);
        return json is [(byte)'{', ..] && Utf8.IsValid(json)
            ? json
            : throw Invalid(source, "the header should be a JSON object in UTF-8. Found other bytes");
    }

    /// <summary>The tensors should fill the data from its first byte to its last, without a hole and without sharing one.</summary>
    private static void CheckLayout(IReadOnlyList<SafetensorsEntry> tensors, long available, string source)
    {
        var expected = 0L;
        foreach (var entry in tensors)
        {
            if (entry.Offset != expected)
            {
                var what = entry.Offset > expected ? "there is a hole before it" : "it overlaps the one before";
                throw Invalid(source, $"tensor '{entry.Name}' should begin at byte {expected}. Found {entry.Offset}: {what}");
            }

            expected += entry.Length;
            if (expected > available)
            {
                throw Invalid(source, $"tensor '{entry.Name}' should end at byte {expected}, but the data has {available} bytes; the file is cut off");
            }
        }

        if (expected != available)
        {
            throw Invalid(source, $"the tensors have {expected} bytes together, but the data has {available}");
        }
    }

    private static void ReadElements(Stream stream, Tensor tensor, SafetensorsEntry entry, string source)
    {
        if (entry.Length == 0)
        {
            return;
        }

        try
        {
            tensor.ReadBytesFromStream(stream, (int)Math.Min(BufferSize, entry.Length));
        }
        catch (EndOfStreamException e)
        {
            throw Invalid(source, $"the data ends within tensor '{entry.Name}'", e);
        }
    }

    private static void ReadExactly(Stream stream, Span<byte> buffer, string source)
    {
        try
        {
            stream.ReadExactly(buffer);
        }
        catch (EndOfStreamException e)
        {
            throw Invalid(source, "the file ends within its header", e);
        }
    }

    private static InvalidDataException Invalid(string source, string reason, Exception? inner = null) =>
        new($"{source}: {reason}.", inner);
}
