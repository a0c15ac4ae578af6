using System.Globalization;

namespace MultiTask.Benchmarks;

/// <summary>A table in Markdown, on the console.</summary>
internal sealed class MarkdownTable(params string[] columns)
{
    private readonly OrderedDictionary<string, List<string>> rows = new(StringComparer.Ordinal);

    /// <summary>Numbers at the end of a row, which begins with its name; <c>null</c> is a dash.</summary>
    public void Add(string name, params double?[] numbers) => Add([name, .. numbers.Select(Text)]);

    /// <summary>Text at the end of a row, which begins with its name, the first of the cells.</summary>
    public void Add(params string[] cells)
    {
        rows.TryAdd(cells[0], []);
        rows[cells[0]].AddRange(cells[1..]);
    }

    public void Print(string title)
    {
        Console.WriteLine($"\n### {title}\n");
        Console.WriteLine($"| {string.Join(" | ", columns)} |");
        Console.WriteLine($"|{string.Concat(columns.Select((_, i) => i == 0 ? "---|" : "--:|"))}");
        foreach (var (name, cells) in rows)
        {
            Console.WriteLine($"| {string.Join(" | ", cells.Prepend(name))} |");
        }
    }

    public static string Text(double? number) => number is { } x
        ? x.ToString(Math.Abs(x) >= 100 ? "F0" : Math.Abs(x) >= 10 ? "F1" : "F2", CultureInfo.InvariantCulture)
        : "–";
}
