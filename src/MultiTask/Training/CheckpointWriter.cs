using System.IO.Compression;
using System.Text.Json;
using static TorchSharp.torch;

namespace MultiTask.Training;

/// <summary>Writes a checkpoint file: a zip of named entries with a <see cref="CheckpointManifest"/>.</summary>
/// <remarks>
/// The file is written whole or not at all (<see cref="AtomicFile"/>). Entries are stored uncompressed, because numbers do
/// not compress, and without times, so that equal contents give equal bytes.
/// </remarks>
internal sealed class CheckpointWriter
{
    private static readonly DateTimeOffset NoTime = new(1980, 1, 1, 0, 0, 0, TimeSpan.Zero);

    private readonly ZipArchive zip;
    private readonly List<CheckpointEntry> entries = [];

    private CheckpointWriter(ZipArchive zip) => this.zip = zip;

    /// <summary>Writes a file.</summary>
    /// <param name="path">Where to; an existing file is replaced in one step, or left as it was when anything fails.</param>
    /// <param name="write">Writes the entries. What it throws comes out of this method unchanged.</param>
    /// <param name="info">Free text by name, for people.</param>
    /// <param name="version">The version of the format.</param>
    public static void Write(
        string path,
        Action<CheckpointWriter> write,
        IReadOnlyDictionary<string, string>? info = null,
        int version = CheckpointManifest.CurrentVersion) =>
        AtomicFile.Write(path, stream =>
        {
            using var zip = new ZipArchive(stream, ZipArchiveMode.Create, leaveOpen: true);
            var writer = new CheckpointWriter(zip);
            write(writer);
            writer.WriteManifest(info ?? new Dictionary<string, string>(), version);
        });

    /// <summary>Adds a document.</summary>
    /// <typeparam name="T">What the serializer of .NET can write and read.</typeparam>
    /// <param name="name">The entry's name.</param>
    /// <param name="value">The document.</param>
    public void Json<T>(string name, T value) =>
        Stream(name, stream => JsonSerializer.Serialize(stream, value, CheckpointManifest.Json));

    /// <summary>Adds tensors, as safetensors.</summary>
    /// <param name="name">The entry's name.</param>
    /// <param name="tensors">The tensors by name. They stay the caller's.</param>
    public void Tensors(string name, IEnumerable<KeyValuePair<string, Tensor>> tensors) =>
        Stream(name, stream => Safetensors.Save(stream, tensors));

    /// <summary>Adds bytes.</summary>
    /// <param name="name">The entry's name.</param>
    /// <param name="bytes">The bytes.</param>
    public void Bytes(string name, byte[] bytes) => Stream(name, stream => stream.Write(bytes));

    /// <summary>Adds whatever is written.</summary>
    /// <param name="name">The entry's name, not yet taken.</param>
    /// <param name="write">Writes to a stream that can neither seek nor read.</param>
    public void Stream(string name, Action<Stream> write)
    {
        ArgumentException.ThrowIfNullOrEmpty(name);
        if (name is CheckpointManifest.FileName or CheckpointManifest.HashFileName || entries.Exists(e => e.Name == name))
        {
            throw new ArgumentException($"Entry names should be distinct. Found '{name}' twice.", nameof(name));
        }

        entries.Add(WriteEntry(name, write));
    }

    private void WriteManifest(IReadOnlyDictionary<string, string> info, int version)
    {
        var manifest = new CheckpointManifest(CheckpointManifest.FormatName, version, CheckpointManifest.LibraryVersion, info, entries);
        var json = JsonSerializer.SerializeToUtf8Bytes(manifest, CheckpointManifest.Json);
        WriteEntry(CheckpointManifest.FileName, stream => stream.Write(json));
        WriteEntry(CheckpointManifest.HashFileName, stream => stream.Write(CheckpointManifest.HashOf(json)));
    }

    private CheckpointEntry WriteEntry(string name, Action<Stream> write)
    {
        var entry = zip.CreateEntry(name, CompressionLevel.NoCompression);
        entry.LastWriteTime = NoTime;
        using var stream = new HashingStream(entry.Open());
        write(stream);
        return new(name, stream.Length, stream.Sha256());
    }
}
