namespace MultiTask.Csv;

/// <summary>How a CSV file is written.</summary>
public sealed class CsvOptions
{
    /// <summary>What stands between cells; a comma by default.</summary>
    public char Delimiter { get; init; } = ',';

    /// <summary>The columns' names where the file has no line of them; <c>null</c>, the default, where its first line is one.</summary>
    public IReadOnlyList<string>? Columns { get; init; }

    /// <summary>Cells that mean a missing value, compared exactly after trimming; by default the empty cell, <c>NA</c> and <c>NaN</c>.</summary>
    public IReadOnlyList<string> Missing { get; init; } = ["", "NA", "NaN"];
}
