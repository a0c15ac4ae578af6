using System.Globalization;
using MultiTask.Data;

namespace MultiTask.Csv;

/// <summary>A row of a <see cref="CsvTable"/>. Methods whose names end in <c>OrNull</c> allow a missing cell; the others refuse it.</summary>
public sealed class CsvRow
{
    private readonly CsvTable table;
    private readonly string[] cells;

    internal CsvRow(CsvTable table, long line, string[] cells) => (this.table, Line, this.cells) = (table, line, cells);

    /// <summary>The number of the row's first line in the file, from 1.</summary>
    public long Line { get; }

    /// <summary>A cell as a number.</summary>
    /// <param name="column">The column's name.</param>
    /// <exception cref="ArgumentException">There is no such column.</exception>
    /// <exception cref="FormatException">The cell is missing or not a finite number; the message names line, column and text.</exception>
    public double Number(string column) => NumberOrNull(column) ?? throw Error(column, "a number");

    /// <summary>A cell as a number, or <c>null</c> where it is missing.</summary>
    /// <param name="column">The column's name.</param>
    /// <exception cref="ArgumentException">There is no such column.</exception>
    /// <exception cref="FormatException">The cell is neither missing nor a finite number; the message names line, column and text.</exception>
    public double? NumberOrNull(string column) => TextOrNull(column) is not { } text
        ? null
        : double.TryParse(text, NumberStyles.Float, CultureInfo.InvariantCulture, out var number) && double.IsFinite(number)
            ? number
            : throw Error(column, "a number");

    /// <summary>A cell as text.</summary>
    /// <param name="column">The column's name.</param>
    /// <exception cref="ArgumentException">There is no such column.</exception>
    /// <exception cref="FormatException">The cell is missing.</exception>
    public string Text(string column) => TextOrNull(column) ?? throw Error(column, "a value");

    /// <summary>A cell as text, or <c>null</c> where it is missing.</summary>
    /// <param name="column">The column's name.</param>
    /// <exception cref="ArgumentException">There is no such column.</exception>
    public string? TextOrNull(string column) => Cell(column) is var cell && table.IsMissing(cell) ? null : cell;

    /// <summary>A cell as a class: the number of its text in a vocabulary.</summary>
    /// <param name="column">The column's name.</param>
    /// <param name="vocabulary">The vocabulary; by default that of the column, <see cref="CsvTable.Vocabulary"/>.</param>
    /// <exception cref="ArgumentException">There is no such column.</exception>
    /// <exception cref="FormatException">The cell is missing, or not in the vocabulary.</exception>
    public long Class(string column, Vocabulary? vocabulary = null) => ClassOrNull(column, vocabulary) ?? throw Error(column, "a value");

    /// <summary>A cell as a class: the number of its text in a vocabulary, or <c>null</c> where it is missing.</summary>
    /// <param name="column">The column's name.</param>
    /// <param name="vocabulary">The vocabulary; by default that of the column, <see cref="CsvTable.Vocabulary"/>.</param>
    /// <exception cref="ArgumentException">There is no such column.</exception>
    /// <exception cref="FormatException">The cell is not in the vocabulary.</exception>
    public long? ClassOrNull(string column, Vocabulary? vocabulary = null) =>
        TextOrNull(column) is { } text ? Known(column, text, vocabulary).IndexOf(text) : null;

    /// <summary>A cell as inputs of a network: for each value of a vocabulary a number, 1 for the cell's and 0 for the others.</summary>
    /// <param name="column">The column's name.</param>
    /// <param name="vocabulary">The vocabulary; by default that of the column, <see cref="CsvTable.Vocabulary"/>.</param>
    /// <exception cref="ArgumentException">There is no such column.</exception>
    /// <exception cref="FormatException">The cell is missing, or not in the vocabulary.</exception>
    public double[] OneHot(string column, Vocabulary? vocabulary = null) => Known(column, Text(column), vocabulary).OneHot(Text(column));

    private Vocabulary Known(string column, string text, Vocabulary? vocabulary)
    {
        vocabulary ??= table.Vocabulary(column);
        return vocabulary.Contains(text) ? vocabulary : throw Error(column, $"one of the {vocabulary.Count} values of the vocabulary");
    }

    private string Cell(string column) => cells[table.Position(column)];

    private FormatException Error(string column, string expected) => table.Error(Line, column, expected, Cell(column));
}
