using System.Globalization;

namespace MultiTask.Benchmarks;

/// <summary>A table in Markdown, on the console.</summary>
internal sealed class MarkdownTable(params string[] columns)
{
    private readonly List<string[]> rows = [];

    /// <summary>A row: text first, numbers after it; <c>null</c> is a dash.</summary>
    public void Add(string name, params double?[] numbers) => Add([name, .. numbers.Select(Text)]);

    public void Add(params string[] cells) => rows.Add(cells);

    public void Print(string title)
    {
        Console.WriteLine($"\n### {title}\n");
        Console.WriteLine($"| {string.Join(" | ", columns)} |");
        Console.WriteLine($"|{string.Concat(columns.Select((_, i) => i == 0 ? "---|" : "--:|"))}");
        foreach (var row in rows)
        {
            Console.WriteLine($"| {string.Join(" | ", row)} |");
        }
    }

    public static string Text(double? number) => number is { } x
        ? x.ToString(Math.Abs(x) >= 100 ? "F0" : Math.Abs(x) >= 10 ? "F1" : "F2", CultureInfo.InvariantCulture)
        : "–";
}
