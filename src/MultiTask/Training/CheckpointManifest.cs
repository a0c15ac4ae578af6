using System.Reflection;
using System.Security.Cryptography;
using System.Text;
using System.Text.Json;
using System.Text.Json.Serialization;

namespace MultiTask.Training;

/// <summary>
/// The table of contents of a checkpoint file: what it is, who wrote it, and every entry's length and SHA-256.
/// </summary>
/// <remarks>
/// It is the zip entry <c>manifest.json</c>. Beside it <c>manifest.sha256</c> holds its own hash as <c>sha256sum</c> prints
/// it, because a zip reader need not verify anything. Later versions of the format keep these two entries, so that an
/// older library can say that a file is too new.
/// </remarks>
/// <param name="Format">Always <see cref="FormatName"/>.</param>
/// <param name="Version">The version of the format.</param>
/// <param name="Library">The version of the library that wrote the file.</param>
/// <param name="Info">Free text by name, for people.</param>
/// <param name="Entries">All other entries.</param>
internal sealed record CheckpointManifest(
    string Format,
    int Version,
    string Library,
    IReadOnlyDictionary<string, string> Info,
    IReadOnlyList<CheckpointEntry> Entries)
{
    public const string FormatName = "MultiTask checkpoint";
    public const int CurrentVersion = 1;
    public const string FileName = "manifest.json";
    public const string HashFileName = "manifest.sha256";

    /// <summary>How JSON is written in a checkpoint: infinite and undefined numbers have names.</summary>
    public static JsonSerializerOptions Json { get; } = new(JsonSerializerDefaults.Web)
    {
        WriteIndented = true,
        NewLine = "\n",
        NumberHandling = JsonNumberHandling.AllowNamedFloatingPointLiterals,
    };

    public static string LibraryVersion { get; } =
        typeof(CheckpointManifest).Assembly.GetCustomAttribute<AssemblyInformationalVersionAttribute>()?.InformationalVersion ?? "unknown";

    /// <summary>What <see cref="HashFileName"/> should hold.</summary>
    /// <param name="manifest">The bytes of <see cref="FileName"/>.</param>
    public static byte[] HashOf(ReadOnlySpan<byte> manifest) =>
        Encoding.ASCII.GetBytes($"{Convert.ToHexStringLower(SHA256.HashData(manifest))}  {FileName}\n");
}

/// <summary>One entry of a checkpoint file.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Length">How many bytes it has.</param>
/// <param name="Sha256">Their SHA-256, in lower-case hexadecimal.</param>
internal sealed record CheckpointEntry(string Name, long Length, string Sha256);
