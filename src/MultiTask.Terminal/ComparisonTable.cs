using System.Globalization;
using Spectre.Console;

namespace MultiTask.Terminal;

/// <summary>
/// A table of methods against metrics, each cell the mean over several runs ± their sample standard deviation. The best
/// mean of a column is bold.
/// </summary>
/// <remarks>In a terminal it is a drawn table; where the output is redirected it is Markdown, to be read or pasted.</remarks>
public sealed class ComparisonTable
{
    private const string Nothing = "–";

    private readonly string title;
    private readonly ComparisonColumn[] columns;
    private readonly List<(string Method, double[][] Runs)> rows = [];

    /// <summary>An empty table.</summary>
    /// <param name="title">The heading of the first column, such as <c>method</c>.</param>
    /// <param name="columns">The other columns, at least one.</param>
    /// <exception cref="ArgumentException">There is no column.</exception>
    public ComparisonTable(string title, params ReadOnlySpan<ComparisonColumn> columns)
    {
        ArgumentNullException.ThrowIfNull(title);
        if (columns.IsEmpty)
        {
            throw new ArgumentException("A comparison should have at least one column. Found none.", nameof(columns));
        }

        (this.title, this.columns) = (title, columns.ToArray());
    }

    /// <summary>Adds a row.</summary>
    /// <param name="method">What is compared.</param>
    /// <param name="runs">For each column the values of all runs. A column without values, or with one that is not a number, stays empty and is not the best.</param>
    /// <exception cref="ArgumentException">There are not as many lists as columns.</exception>
    public void Add(string method, params ReadOnlySpan<IEnumerable<double>> runs)
    {
        ArgumentNullException.ThrowIfNull(method);
        if (runs.Length != columns.Length)
        {
            throw new ArgumentException($"Row '{method}' should have {columns.Length} cells. Found {runs.Length}.", nameof(runs));
        }

        var values = new double[runs.Length][];
        for (var i = 0; i < values.Length; i++)
        {
            values[i] = [.. runs[i]];
        }

        rows.Add((method, values));
    }

    /// <summary>Writes the table.</summary>
    /// <param name="console">The console; the process's own by default.</param>
    public void Write(IAnsiConsole? console = null)
    {
        console ??= AnsiConsole.Console;
        if (console.Profile.Capabilities.Ansi)
        {
            console.Write(Drawn());
        }
        else
        {
            console.Profile.Out.Writer.Write(ToMarkdown());
            console.Profile.Out.Writer.Flush();
        }
    }

    /// <summary>The table in Markdown, its columns aligned, with a line end after each row.</summary>
    public string ToMarkdown()
    {
        string[] headings = [title, .. columns.Select(c => c.Name)];
        string[][] cells = [.. rows.Select((row, i) => (string[])[row.Method, .. Cells(i).Select(c => c.IsBest ? $"**{c.Text}**" : c.Text)])];
        int[] widths = [.. headings.Select((heading, k) => cells.Select(row => row[k].Length).Append(heading.Length).Append(3).Max())];
        string[] rule = [.. widths.Select((width, k) => k == 0 ? new string('-', width) : new string('-', width - 1) + ":")];
        return string.Concat(cells.Prepend(rule).Prepend(headings).Select(row => Line(row, widths)));
    }

    private static string Line(string[] cells, int[] widths) =>
        $"| {string.Join(" | ", cells.Select((cell, k) => k == 0 ? cell.PadRight(widths[k]) : cell.PadLeft(widths[k])))} |{Environment.NewLine}";

    private Table Drawn()
    {
        var table = new Table { Border = TableBorder.Rounded };
        table.AddColumn(new TableColumn(new Text(title)));
        foreach (var column in columns)
        {
            table.AddColumn(new TableColumn(new Text(column.Name)).RightAligned());
        }

        for (var i = 0; i < rows.Count; i++)
        {
            table.AddRow([new Text(rows[i].Method), .. Cells(i).Select(c => new Text(c.Text, c.IsBest ? new(Color.Green, decoration: Decoration.Bold) : null))]);
        }

        return table;
    }

    private IEnumerable<(string Text, bool IsBest)> Cells(int row) => columns.Select((column, k) =>
    {
        var mean = Mean(rows[row].Runs[k]);
        return (Text(rows[row].Runs[k], column), mean is not null && mean == Best(k));
    });

    private double? Best(int column)
    {
        var means = rows.Select(r => Mean(r.Runs[column]));
        return columns[column].HigherIsBetter ? means.Max() : means.Min();
    }

    private static double? Mean(double[] runs) => runs.Length > 0 && runs.All(double.IsFinite) ? runs.Average() : null;

    private static string Text(double[] runs, ComparisonColumn column)
    {
        if (Mean(runs) is not { } mean)
        {
            return Nothing;
        }

        var text = mean.ToString(column.Format, CultureInfo.InvariantCulture);
        return runs.Length == 1 ? text : $"{text} ± {Deviation(runs, mean).ToString(column.Format, CultureInfo.InvariantCulture)}";
    }

    private static double Deviation(double[] runs, double mean) => Math.Sqrt(runs.Sum(x => (x - mean) * (x - mean)) / (runs.Length - 1));
}
