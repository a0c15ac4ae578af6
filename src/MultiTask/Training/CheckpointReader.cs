using System.IO.Compression;
using System.Security.Cryptography;
using System.Text.Json;
using static TorchSharp.torch;

namespace MultiTask.Training;

/// <summary>Reads a checkpoint file, after verifying all of it.</summary>
/// <remarks>
/// Opening reads the whole file once and compares every entry with the manifest, so that nothing is restored from a file
/// that is damaged anywhere. All errors about contents are <see cref="InvalidDataException"/>, begin with the file's name
/// and say what differs.
/// </remarks>
internal sealed class CheckpointReader : IDisposable
{
    private const int ManifestLimit = 64 * 1024 * 1024;

    private readonly ZipArchive zip;
    private readonly CheckpointManifest manifest;

    private CheckpointReader(string path, ZipArchive zip, CheckpointManifest manifest) =>
        (Path, this.zip, this.manifest) = (path, zip, manifest);

    /// <summary>The file.</summary>
    public string Path { get; }

    /// <summary>The version of the format.</summary>
    public int Version => manifest.Version;

    /// <summary>The version of the library that wrote the file.</summary>
    public string Library => manifest.Library;

    /// <summary>Free text by name, for people.</summary>
    public IReadOnlyDictionary<string, string> Info => manifest.Info;

    /// <summary>The names of the entries, in the order in which they were written.</summary>
    public IEnumerable<string> Names => manifest.Entries.Select(e => e.Name);

    /// <summary>Opens and verifies a file.</summary>
    /// <param name="path">The file.</param>
    /// <exception cref="InvalidDataException">It is cut off, damaged, of another kind or too new; the message says which.</exception>
    /// <exception cref="IOException">The file cannot be read.</exception>
    public static CheckpointReader Open(string path)
    {
        var file = new FileStream(path, FileMode.Open, FileAccess.Read, FileShare.Read | FileShare.Delete);
        try
        {
            return Open(path, file);
        }
        catch
        {
            file.Dispose();
            throw;
        }
    }

    /// <summary>Whether there is such an entry.</summary>
    /// <param name="name">The entry's name.</param>
    public bool Contains(string name) => manifest.Entries.Any(e => e.Name == name);

    /// <summary>Reads a document.</summary>
    /// <typeparam name="T">The type that was written.</typeparam>
    /// <param name="name">The entry's name.</param>
    public T Json<T>(string name) => Read(name, (stream, _, source) =>
    {
        try
        {
            return JsonSerializer.Deserialize<T>(stream, CheckpointManifest.Json) ?? throw new JsonException("found null");
        }
        catch (JsonException e)
        {
            throw new InvalidDataException($"{source} is not the document that was expected: {e.Message}", e);
        }
    });

    /// <summary>Reads tensors.</summary>
    /// <param name="name">The entry's name.</param>
    /// <returns>New tensors on the CPU, by name. They are the caller's to dispose of.</returns>
    public Dictionary<string, Tensor> Tensors(string name) => Read(name, SafetensorsReader.Read);

    /// <summary>Reads bytes.</summary>
    /// <param name="name">The entry's name.</param>
    public byte[] Bytes(string name) => Read(name, (stream, length, _) => ReadAll(stream, length));

    /// <summary>Reads whatever was written.</summary>
    /// <typeparam name="T">What is made of it.</typeparam>
    /// <param name="name">The entry's name.</param>
    /// <param name="read">Gets a stream, how many bytes it has, and what messages should call it.</param>
    /// <exception cref="InvalidDataException">There is no such entry.</exception>
    public T Read<T>(string name, Func<Stream, long, string, T> read)
    {
        var entry = manifest.Entries.FirstOrDefault(e => e.Name == name)
            ?? throw new InvalidDataException($"'{Path}' has no entry '{name}'. Found {string.Join(", ", Names.Select(n => $"'{n}'"))}.");
        using var stream = zip.GetEntry(name)!.Open();
        return read(stream, entry.Length, $"'{Path}', entry '{name}'");
    }

    /// <summary>Closes the file.</summary>
    public void Dispose() => zip.Dispose();

    private static CheckpointReader Open(string path, FileStream file)
    {
        try
        {
            var zip = new ZipArchive(file, ZipArchiveMode.Read);
            var manifest = ReadManifest(zip);
            VerifyNames(zip, manifest);
            foreach (var entry in manifest.Entries)
            {
                Verify(zip, entry);
            }

            return new(path, zip, manifest);
        }
        catch (Exception e) when (e is not OutOfMemoryException)
        {
            // In a damaged file the zip reader may stumble over anything.
            throw new InvalidDataException($"'{path}' cannot be read as a checkpoint: {e.Message}", e);
        }
    }

    private static CheckpointManifest ReadManifest(ZipArchive zip)
    {
        var bytes = ReadSmall(zip, CheckpointManifest.FileName);
        if (!ReadSmall(zip, CheckpointManifest.HashFileName).AsSpan().SequenceEqual(CheckpointManifest.HashOf(bytes)))
        {
            throw new InvalidDataException($"'{CheckpointManifest.FileName}' is damaged: its SHA-256 differs from the one in '{CheckpointManifest.HashFileName}'.");
        }

        using var document = JsonDocument.Parse(bytes);
        CheckKind(document.RootElement);
        return document.Deserialize<CheckpointManifest>(CheckpointManifest.Json)!;
    }

    private static void CheckKind(JsonElement manifest)
    {
        var format = manifest.GetProperty("format").GetString();
        if (format != CheckpointManifest.FormatName)
        {
            throw new InvalidDataException($"the format should be '{CheckpointManifest.FormatName}'. Found '{format}'.");
        }

        var version = manifest.GetProperty("version").GetInt32();
        if (version > CheckpointManifest.CurrentVersion)
        {
            throw new InvalidDataException(
                $"it was written by a newer version {version} of the format (MultiTask {manifest.GetProperty("library")}); " +
                $"this one, MultiTask {CheckpointManifest.LibraryVersion}, reads up to {CheckpointManifest.CurrentVersion}.");
        }
    }

    private static void VerifyNames(ZipArchive zip, CheckpointManifest manifest)
    {
        var expected = manifest.Entries.Select(e => e.Name)
            .Append(CheckpointManifest.FileName).Append(CheckpointManifest.HashFileName)
            .Order(StringComparer.Ordinal);
        var found = zip.Entries.Select(e => e.FullName).Order(StringComparer.Ordinal);
        if (!expected.SequenceEqual(found))
        {
            throw new InvalidDataException(
                $"the entries should be {string.Join(", ", expected)}. Found {string.Join(", ", found)}.");
        }
    }

    private static void Verify(ZipArchive zip, CheckpointEntry entry)
    {
        var found = zip.GetEntry(entry.Name)!;
        if (found.Length != entry.Length)
        {
            throw new InvalidDataException($"'{entry.Name}' should have {entry.Length} bytes. Found {found.Length}.");
        }

        using var stream = found.Open();
        if (Convert.ToHexStringLower(SHA256.HashData(stream)) != entry.Sha256)
        {
            throw new InvalidDataException($"'{entry.Name}' is damaged: its SHA-256 differs from the one in '{CheckpointManifest.FileName}'.");
        }
    }

    private static byte[] ReadSmall(ZipArchive zip, string name)
    {
        var entry = zip.GetEntry(name) ?? throw new InvalidDataException($"it has no entry '{name}', so it is another kind of zip file.");
        if (entry.Length > ManifestLimit)
        {
            throw new InvalidDataException($"'{name}' should have at most {ManifestLimit} bytes. Found {entry.Length}.");
        }

        using var stream = entry.Open();
        return ReadAll(stream, entry.Length);
    }

    private static byte[] ReadAll(Stream stream, long length)
    {
        var bytes = new byte[length];
        stream.ReadExactly(bytes);
        return bytes;
    }
}
