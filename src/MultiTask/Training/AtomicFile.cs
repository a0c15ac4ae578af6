namespace MultiTask.Training;

/// <summary>
/// Writes a file whole or not at all: into a temporary file beside it, flushed to disk, then renamed over it.
/// </summary>
/// <remarks>
/// Whoever opens the path sees the old file or the new one, never half of one. When anything fails the old file is as it
/// was and the temporary file is gone. A symbolic link stays one: the file it points to is replaced.
/// </remarks>
internal static class AtomicFile
{
    /// <summary>Writes a file.</summary>
    /// <param name="path">Where to; the directory has to exist.</param>
    /// <param name="write">Writes the contents. What it throws comes out of this method unchanged.</param>
    /// <param name="create">Opens the temporary file; tests put failing streams here.</param>
    /// <exception cref="IOException">The directory is missing, the path is a directory, or the disk refuses.</exception>
    /// <exception cref="UnauthorizedAccessException">There is no permission.</exception>
    public static void Write(string path, Action<Stream> write, Func<string, Stream>? create = null)
    {
        ArgumentException.ThrowIfNullOrWhiteSpace(path);
        ArgumentNullException.ThrowIfNull(write);
        var target = Target(path);
        var temporary = Path.Combine(Path.GetDirectoryName(target)!, $".{Path.GetFileName(target)}.{Path.GetRandomFileName()}.tmp");
        try
        {
            using (var stream = (create ?? Create)(temporary))
            {
                write(stream);
                FlushToDisk(stream);
            }

            File.Move(temporary, target, overwrite: true);
        }
        catch
        {
            Remove(temporary);
            throw;
        }
    }

    /// <summary>Finds out whether there is a directory to write to; better asked before the training than after.</summary>
    /// <param name="path">Where to.</param>
    /// <exception cref="IOException">The directory is missing, or the path is a directory.</exception>
    public static void ExpectDirectory(string path) => _ = Target(path);

    private static string Target(string path)
    {
        var full = Path.GetFullPath(path);
        var file = new FileInfo(full);
        full = file.LinkTarget is null ? full : file.ResolveLinkTarget(returnFinalTarget: true)!.FullName;
        if (Directory.Exists(full))
        {
            throw new IOException($"'{path}' should be a file. Found a directory.");
        }

        var directory = Path.GetDirectoryName(full)!;
        return Directory.Exists(directory)
            ? full
            : throw new DirectoryNotFoundException($"'{path}' cannot be written: there is no directory '{directory}'.");
    }

    private static FileStream Create(string path) => new(path, FileMode.CreateNew, FileAccess.Write, FileShare.None);

    private static void FlushToDisk(Stream stream)
    {
        if (stream is FileStream file)
        {
            file.Flush(flushToDisk: true);
        }
        else
        {
            stream.Flush();
        }
    }

    private static void Remove(string temporary)
    {
        try
        {
            File.Delete(temporary);
        }
        catch (Exception e) when (e is IOException or UnauthorizedAccessException)
        {
            // The failure that brought us here is the one to report.
        }
    }
}
