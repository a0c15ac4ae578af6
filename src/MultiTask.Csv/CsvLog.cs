using System.Globalization;
using CsvHelper;
using MultiTask.Training;

namespace MultiTask.Csv;

/// <summary>A CSV file with a row for each step, which is there as soon as the step is made.</summary>
/// <remarks>
/// <code>
/// using var monitor = new GradientMonitor(new CsvLog("run.csv"));
/// </code>
/// The columns are <c>epoch</c>, <c>step</c>, <c>skipped</c>, <c>fault</c> and the <see cref="StepRecord.Figures"/> of all tasks of the
/// model: <c>loss/age</c>, <c>weight/age</c>, <c>cosine/age.income</c>, <c>conflict_rate</c>, …. What a step has not is an empty
/// cell. Numbers are in the invariant culture and read back exactly; an infinite one is <c>Infinity</c>.
/// </remarks>
public sealed class CsvLog : StepLog, IDisposable
{
    private static readonly CsvWriterOptions Form = new() { NewLine = "\n" };
    private readonly RowFile file;
    private readonly string path;
    private IReadOnlyList<string>? columns;

    /// <summary>A CSV file. It is opened at once, and held until the log is disposed; others may read it.</summary>
    /// <param name="path">Where to.</param>
    /// <param name="append">
    /// Whether to go on at the end of an existing file, for a run that is resumed; by default it is replaced. The steps since the
    /// checkpoint then stand twice, the later ones below. An unfinished last row is cut off.
    /// </param>
    /// <exception cref="IOException">The file cannot be opened for writing.</exception>
    /// <exception cref="UnauthorizedAccessException">The file cannot be opened for writing.</exception>
    public CsvLog(string path, bool append = false)
    {
        file = new(path, append);
        this.path = path;
    }

    /// <inheritdoc/>
    /// <exception cref="IOException">The row cannot be written; the file is as before.</exception>
    /// <exception cref="InvalidOperationException">The file has other columns: it is of a model with other tasks.</exception>
    public override void Write(StepRecord record)
    {
        ArgumentNullException.ThrowIfNull(record);
        var figures = record.Figures();
        string[] names = ["epoch", "step", "skipped", "fault", .. figures.Select(f => f.Name)];
        Begin(names);
        Append(
        [
            record.Epoch.ToString(CultureInfo.InvariantCulture),
            record.Step.ToString(CultureInfo.InvariantCulture),
            record.Skipped ? "true" : "false",
            record.Fault,
            .. figures.Select(f => f.Value?.ToString("r", CultureInfo.InvariantCulture)),
        ]);
    }

    /// <summary>Closes the file.</summary>
    public void Dispose() => file.Dispose();

    /// <summary>Sees to it that the columns are those of the file, which gets its line of names by the first row.</summary>
    private void Begin(string[] names)
    {
        if (columns is null)
        {
            if (file.IsEmpty)
            {
                Append(names);
                columns = names;
            }
            else
            {
                columns = Header();
            }
        }

        if (!columns.SequenceEqual(names, StringComparer.Ordinal))
        {
            throw new InvalidOperationException($"'{path}' should have the columns {string.Join(", ", names)}. Found {string.Join(", ", columns)}.");
        }
    }

    private string[] Header()
    {
        using var stream = file.OpenRead();
        using var csv = CsvReader.Create(stream, new() { HasHeader = true });
        return [.. csv.Headers];
    }

    private void Append(string?[] cells)
    {
        using var row = new MemoryStream();
        using (var csv = CsvWriter.Create(row, Form, leaveOpen: true))
        {
            csv.WriteRecord(cells!);
        }

        file.Append(row.GetBuffer().AsSpan(0, (int)row.Length));
    }
}
