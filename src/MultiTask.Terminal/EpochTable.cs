namespace MultiTask.Terminal;

/// <summary>The lines of a table with one line an epoch, cut to a width: what does not fit is counted, not wrapped.</summary>
internal sealed class EpochTable
{
    private const int Narrowest = 10;
    private const string Gap = "  ";
    private const string LongestRest = "+999 more";

    private readonly string[] names;
    private readonly int[] widths;
    private readonly int shown;
    private readonly int epochWidth;

    /// <summary>A table.</summary>
    /// <param name="results">The columns, the most important first.</param>
    /// <param name="epochs">The largest epoch.</param>
    /// <param name="width">How many characters a line may have.</param>
    public EpochTable(IReadOnlyList<Result> results, int epochs, int width)
    {
        names = [.. results.Select(r => r.Name)];
        widths = [.. names.Select(n => Math.Max(n.Length, Narrowest))];
        epochWidth = Math.Max("epoch".Length, $"{epochs}".Length);
        var rest = width - epochWidth - Gap.Length - Narrowest;
        shown = Fitting(rest) is var all && all == names.Length ? all : Fitting(rest - Gap.Length - LongestRest.Length);
    }

    /// <summary>The names of the columns.</summary>
    public string Header => Join("epoch".PadLeft(epochWidth), names, "time", shown < names.Length ? $"+{names.Length - shown} more" : string.Empty);

    /// <summary>Whether results have these columns.</summary>
    /// <param name="results">The results of another epoch.</param>
    public bool Fits(IReadOnlyList<Result> results) => results.Select(r => r.Name).SequenceEqual(names);

    /// <summary>The line of an epoch.</summary>
    /// <param name="epoch">The epoch.</param>
    /// <param name="results">Its results.</param>
    /// <param name="time">How long it took.</param>
    public string Line(int epoch, IReadOnlyList<Result> results, TimeSpan time) =>
        Join($"{epoch}".PadLeft(epochWidth), [.. results.Select(r => Numbers.Text(r.Value))], Numbers.Text(time), string.Empty);

    private int Fitting(int width)
    {
        var count = 0;
        while (count < widths.Length && (width -= widths[count] + Gap.Length) >= 0)
        {
            count++;
        }

        return count;
    }

    private string Join(string first, string[] cells, string last, string rest) => string.Join(
        Gap,
        cells.Take(shown).Select((cell, i) => cell.PadLeft(widths[i])).Prepend(first).Append(last.PadLeft(Narrowest)).Append(rest)).TrimEnd();
}
