using System.Buffers;
using System.Text.Json;

namespace MultiTask.Training;

/// <summary>A file with a JSON object on a line for each step, which is there as soon as the step is made.</summary>
/// <remarks>
/// <code>
/// {"epoch":0,"step":1,"skipped":false,"loss":{"age":0.9,"income":1.6},…,"cosine":{"age.income":-0.2},…,"conflict_rate":1,…}
/// </code>
/// What a step has not is absent. JSON has no infinite number; it is the string <c>"Infinity"</c>.
/// </remarks>
public sealed class JsonLinesLog : StepLog, IDisposable
{
    private readonly RowFile file;

    /// <summary>A file of JSON lines. It is opened at once, and held until the log is disposed; others may read it.</summary>
    /// <param name="path">Where to.</param>
    /// <param name="append">
    /// Whether to go on at the end of an existing file, for a run that is resumed; by default it is replaced. The steps since the
    /// checkpoint then stand twice, the later ones below. An unfinished last line is cut off.
    /// </param>
    /// <exception cref="IOException">The file cannot be opened for writing.</exception>
    /// <exception cref="UnauthorizedAccessException">The file cannot be opened for writing.</exception>
    public JsonLinesLog(string path, bool append = false) => file = new(path, append);

    /// <inheritdoc/>
    /// <exception cref="IOException">The line cannot be written; the file is as before.</exception>
    public override void Write(StepRecord record)
    {
        ArgumentNullException.ThrowIfNull(record);
        var line = new ArrayBufferWriter<byte>();
        using (var json = new Utf8JsonWriter(line))
        {
            Write(record, json);
        }

        line.Write("\n"u8);
        file.Append(line.WrittenSpan);
    }

    /// <summary>Closes the file.</summary>
    public void Dispose() => file.Dispose();

    private static void Write(StepRecord record, Utf8JsonWriter json)
    {
        json.WriteStartObject();
        json.WriteNumber("epoch", record.Epoch);
        json.WriteNumber("step", record.Step);
        json.WriteBoolean("skipped", record.Skipped);
        if (record.Fault is not null)
        {
            json.WriteString("fault", record.Fault);
        }

        foreach (var group in record.Figures().Where(f => f.Value is not null).GroupBy(f => f.Group))
        {
            Write(group, json);
        }

        json.WriteEndObject();
    }

    private static void Write(IGrouping<string, StepFigure> group, Utf8JsonWriter json)
    {
        if (group.First() is { Key: "" } single)
        {
            Write(group.Key, single.Value!.Value, json);
            return;
        }

        json.WriteStartObject(group.Key);
        foreach (var figure in group)
        {
            Write(figure.Key, figure.Value!.Value, json);
        }

        json.WriteEndObject();
    }

    private static void Write(string name, double value, Utf8JsonWriter json)
    {
        if (double.IsFinite(value))
        {
            json.WriteNumber(name, value);
        }
        else
        {
            json.WriteString(name, value.ToString(System.Globalization.CultureInfo.InvariantCulture));
        }
    }
}
