namespace MultiTask.Training;

/// <summary>A text file that grows by whole rows, each of which is in the file when <see cref="Append"/> returns.</summary>
/// <remarks>
/// Others may read it meanwhile. A row goes out by one write, unbuffered: when the process dies it is there or not. One that
/// was cut off all the same (a full disk, a machine that went down) is taken back, at once or when the file is next opened.
/// </remarks>
internal sealed class RowFile : IDisposable
{
    private const byte NewLine = (byte)'\n';
    private readonly FileStream stream;
    private long end;

    /// <param name="path">Where to.</param>
    /// <param name="append">Whether the rows of an existing file stay.</param>
    public RowFile(string path, bool append)
    {
        stream = new(path, append ? FileMode.OpenOrCreate : FileMode.Create, FileAccess.ReadWrite, FileShare.Read, bufferSize: 0);
        end = EndOfLastRow();
        CutBack();
    }

    public bool IsEmpty => end == 0;

    /// <summary>A stream of its own, from the first row.</summary>
    public Stream OpenRead() => new FileStream(stream.Name, FileMode.Open, FileAccess.Read, FileShare.ReadWrite);

    /// <param name="row">The row, with its line break.</param>
    /// <exception cref="IOException">It cannot be written; the file is as before.</exception>
    public void Append(ReadOnlySpan<byte> row)
    {
        try
        {
            stream.Position = end;
            stream.Write(row);
            end += row.Length;
        }
        catch (IOException)
        {
            CutBack();
            throw;
        }
    }

    public void Dispose() => stream.Dispose();

    private void CutBack()
    {
        if (stream.Length > end)
        {
            stream.SetLength(end);
        }
    }

    private long EndOfLastRow()
    {
        var block = new byte[4096];
        for (var last = stream.Length; last > 0;)
        {
            var first = Math.Max(0, last - block.Length);
            var part = block.AsSpan(0, (int)(last - first));
            stream.Position = first;
            stream.ReadExactly(part);
            if (part.LastIndexOf(NewLine) is var found and >= 0)
            {
                return first + found + 1;
            }

            last = first;
        }

        return 0;
    }
}
