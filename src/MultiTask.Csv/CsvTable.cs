using System.Collections;
using System.IO.Compression;
using CsvHelper;
using MultiTask.Data;

namespace MultiTask.Csv;

/// <summary>A CSV file in memory: rows whose cells are read by the column's name.</summary>
/// <remarks>
/// <code>
/// var table = CsvTable.Read("people.csv.gz");
/// using var data = MultiTaskDataset.From(table)
///     .Input(row => [row.Number("height"), .. row.OneHot("region")])
///     .Target("age", row => row.NumberOrNull("age"))
///     .Target("income", row => row.ClassOrNull("income"))
///     .Build();
/// </code>
/// Numbers are read in the invariant culture (a decimal point, no thousands separators), spaces around a cell are cut off.
/// </remarks>
public sealed class CsvTable : IReadOnlyList<CsvRow>
{
    private readonly string name;
    private readonly HashSet<string> missing;
    private readonly Dictionary<string, int> positions;
    private readonly Dictionary<string, Vocabulary> vocabularies = new(StringComparer.Ordinal);
    private readonly List<CsvRow> rows = [];

    private CsvTable(TextReader reader, string name, CsvOptions options)
    {
        this.name = name;
        missing = [.. options.Missing];
        var form = new CsvReaderOptions
        {
            Separator = options.Delimiter,
            HasHeader = options.Columns is null,
            TrimWhitespace = true,
            TrimInsideQuotes = true,
            TrackLineNumbers = true,
            PoolStrings = true,
            MalformedData = CsvMalformedDataHandling.Throw,
        };
        using var csv = CsvReader.Create(reader, form, leaveOpen: true);
        Columns = options.Columns ?? Header(csv);
        positions = Positions();
        while (Next(csv))
        {
            rows.Add(new CsvRow(this, csv.LineNumber, Cells(csv)));
        }
    }

    /// <summary>The columns' names, in order.</summary>
    public IReadOnlyList<string> Columns { get; }

    /// <summary>The number of rows, the line of names not counted.</summary>
    public int Count => rows.Count;

    /// <summary>A row.</summary>
    /// <param name="index">From 0 to <see cref="Count"/> − 1.</param>
    public CsvRow this[int index] => rows[index];

    /// <summary>Reads a file.</summary>
    /// <param name="path">The file, UTF-8 unless it begins with another byte order mark; one that ends in <c>.gz</c> is unpacked.</param>
    /// <param name="options">How it is written; the default has commas and a line of names.</param>
    /// <exception cref="IOException">The file cannot be read.</exception>
    /// <exception cref="FormatException">The file is not a table: no line of names, a name twice, a row of another length, stray quotes.</exception>
    public static CsvTable Read(string path, CsvOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(path);
        using Stream file = File.OpenRead(path);
        using var unpacked = path.EndsWith(".gz", StringComparison.OrdinalIgnoreCase) ? new GZipStream(file, CompressionMode.Decompress) : file;
        using var reader = new StreamReader(unpacked);
        return Read(reader, Path.GetFileName(path), options);
    }

    /// <summary>Reads text from anywhere.</summary>
    /// <param name="reader">The text; it is not disposed.</param>
    /// <param name="name">What messages call it.</param>
    /// <param name="options">How it is written; the default has commas and a line of names.</param>
    /// <exception cref="FormatException">The text is not a table: no line of names, a name twice, a row of another length, stray quotes.</exception>
    public static CsvTable Read(TextReader reader, string name = "the CSV text", CsvOptions? options = null)
    {
        ArgumentNullException.ThrowIfNull(reader);
        return new(reader, name, options ?? new CsvOptions());
    }

    /// <summary>The distinct texts of a column over all rows, missing cells passed over, numbered in ordinal order.</summary>
    /// <remarks>
    /// Rows of another file (a test set) should be read with this one's vocabulary: <c>row.Class("region", train.Vocabulary("region"))</c>.
    /// </remarks>
    /// <param name="column">The column's name.</param>
    /// <exception cref="ArgumentException">There is no such column.</exception>
    public Vocabulary Vocabulary(string column)
    {
        lock (vocabularies)
        {
            return vocabularies.TryGetValue(column, out var found)
                ? found
                : vocabularies[column] = new Vocabulary(rows.Select(row => row.TextOrNull(column)));
        }
    }

    /// <inheritdoc/>
    public IEnumerator<CsvRow> GetEnumerator() => rows.GetEnumerator();

    IEnumerator IEnumerable.GetEnumerator() => GetEnumerator();

    internal int Position(string column)
    {
        ArgumentNullException.ThrowIfNull(column);
        return positions.TryGetValue(column, out var position)
            ? position
            : throw new ArgumentException($"{name}: there should be a column '{column}'. Found: {string.Join(", ", Columns.Select(c => $"'{c}'"))}.", nameof(column));
    }

    internal bool IsMissing(string cell) => missing.Contains(cell);

    internal FormatException Error(long line, string column, string expected, string found) =>
        new($"{name}, line {line}, column '{column}': there should be {expected}. Found '{found}'.");

    private IReadOnlyList<string> Header(CsvReader csv)
    {
        var names = Read(() => csv.Headers);
        return names.Count > 0 ? [.. names] : throw new FormatException($"{name}: there should be a line of column names. Found an empty file.");
    }

    private Dictionary<string, int> Positions()
    {
        var found = new Dictionary<string, int>(StringComparer.Ordinal);
        for (var i = 0; i < Columns.Count; i++)
        {
            if (!found.TryAdd(Columns[i], i))
            {
                throw new FormatException($"{name}: column names should be distinct. Found '{Columns[i]}' twice.");
            }
        }

        return found;
    }

    private string[] Cells(CsvReader csv) => csv.FieldCount == Columns.Count
        ? csv.Current.ToArray()
        : throw new FormatException($"{name}, line {csv.LineNumber}: there should be {Columns.Count} cells, one for each column. Found {csv.FieldCount}.");

    private bool Next(CsvReader csv) => Read(csv.Read);

    private TResult Read<TResult>(Func<TResult> read)
    {
        try
        {
            return read();
        }
        catch (CsvFormatException exception)
        {
            throw new FormatException($"{name}, line {exception.LineNumber}: cells with quotes in them should be quoted as a whole. {exception.Message}", exception);
        }
    }
}
