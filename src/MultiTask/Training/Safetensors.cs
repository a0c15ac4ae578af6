using static TorchSharp.torch;

namespace MultiTask.Training;

/// <summary>
/// Named tensors in a file that Python, Rust and others read and that cannot hold code: the safetensors format.
/// </summary>
/// <remarks>
/// <para>
/// The format is that of <see href="https://huggingface.co/docs/safetensors"/>: eight bytes with the header's length, a
/// JSON header, then the elements. Element types are F64, F32, F16, BF16, I64, I32, I16, I8, U8 and BOOL; complex, quantized
/// and sparse tensors are refused. Tensors may be on any device and need not be contiguous; they are written in pieces,
/// without a second copy of what is contiguous on the CPU.
/// </para>
/// <para>
/// Equal contents give equal bytes, whatever the order in which tensors come. A file is written whole or not at all: a save
/// that fails leaves the old file as it was. For a module's weights there is the shorter <see cref="ModuleWeights"/>.
/// </para>
/// </remarks>
public static class Safetensors
{
    /// <summary>Saves tensors to a file.</summary>
    /// <param name="path">Where to; an existing file is replaced, in one step.</param>
    /// <param name="tensors">The tensors by name, such as a <c>state_dict()</c>. They stay the caller's.</param>
    /// <param name="metadata">Free text by name, kept in the header.</param>
    /// <exception cref="ArgumentException">A name stands twice or is reserved, or a tensor is of a type that the format lacks.</exception>
    /// <exception cref="IOException">The file cannot be written.</exception>
    public static void Save(
        string path,
        IEnumerable<KeyValuePair<string, Tensor>> tensors,
        IReadOnlyDictionary<string, string>? metadata = null)
    {
        ArgumentNullException.ThrowIfNull(tensors);
        AtomicFile.Write(path, stream => Save(stream, tensors, metadata));
    }

    /// <summary>Saves tensors to a stream, which stays open.</summary>
    /// <param name="stream">Is written from where it stands.</param>
    /// <param name="tensors">The tensors by name. They stay the caller's.</param>
    /// <param name="metadata">Free text by name, kept in the header.</param>
    /// <exception cref="ArgumentException">A name stands twice or is reserved, or a tensor is of a type that the format lacks.</exception>
    public static void Save(
        Stream stream,
        IEnumerable<KeyValuePair<string, Tensor>> tensors,
        IReadOnlyDictionary<string, string>? metadata = null)
    {
        ArgumentNullException.ThrowIfNull(stream);
        ArgumentNullException.ThrowIfNull(tensors);
        SafetensorsWriter.Write(stream, tensors, metadata);
    }

    /// <summary>Loads all tensors of a file.</summary>
    /// <param name="path">The file.</param>
    /// <returns>New tensors on the CPU, by name. They are the caller's to dispose of.</returns>
    /// <exception cref="InvalidDataException">The file is cut off, damaged or of another kind; the message says what is wrong.</exception>
    /// <exception cref="IOException">The file cannot be read.</exception>
    public static Dictionary<string, Tensor> Load(string path)
    {
        using var file = File.OpenRead(path);
        return SafetensorsReader.Read(file, file.Length, $"'{path}'");
    }

    /// <summary>Loads all tensors of a stream, which stays open.</summary>
    /// <param name="stream">Is read from where it stands to its end. It has to be seekable, because lengths are compared with its own before memory is taken for them.</param>
    /// <returns>New tensors on the CPU, by name. They are the caller's to dispose of.</returns>
    /// <exception cref="ArgumentException">The stream is not seekable.</exception>
    /// <exception cref="InvalidDataException">The contents are cut off, damaged or of another kind; the message says what is wrong.</exception>
    public static Dictionary<string, Tensor> Load(Stream stream) =>
        SafetensorsReader.Read(stream, Remaining(stream), SourceName);

    /// <summary>Reads what a file says about its contents: names, types, shapes and metadata.</summary>
    /// <param name="path">The file.</param>
    /// <exception cref="InvalidDataException">The file is cut off, damaged or of another kind; the message says what is wrong.</exception>
    /// <exception cref="IOException">The file cannot be read.</exception>
    public static SafetensorsHeader ReadHeader(string path)
    {
        using var file = File.OpenRead(path);
        return SafetensorsReader.ReadHeader(file, file.Length, $"'{path}'");
    }

    /// <summary>Reads what a stream says about its contents; the stream then stands at the first tensor's first byte.</summary>
    /// <param name="stream">Is read from where it stands. It has to be seekable.</param>
    /// <exception cref="ArgumentException">The stream is not seekable.</exception>
    /// <exception cref="InvalidDataException">The contents are cut off, damaged or of another kind; the message says what is wrong.</exception>
    public static SafetensorsHeader ReadHeader(Stream stream) =>
        SafetensorsReader.ReadHeader(stream, Remaining(stream), SourceName);

    private const string SourceName = "the stream";

    private static long Remaining(Stream stream)
    {
        ArgumentNullException.ThrowIfNull(stream);
        return stream.CanSeek
            ? stream.Length - stream.Position
            : throw new ArgumentException("The stream should be seekable, so that lengths can be compared with its own.", nameof(stream));
    }
}
