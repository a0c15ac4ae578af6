using System.Globalization;
using Spectre.Console;

namespace MultiTask.Terminal;

/// <summary>A table that gets a line an epoch, and below it a bar that is drawn again and again.</summary>
/// <remarks>The bar is one line that is erased and rewritten, so an exception leaves the terminal as it should be.</remarks>
internal sealed class TerminalView : ProgressView
{
    private const int WidestBar = 40;
    private static readonly TimeSpan Pause = TimeSpan.FromMilliseconds(80);
    private static readonly Style Quiet = new(Color.Grey);
    private static readonly Style Done = new(Color.Green);
    private static readonly Style Strong = new(decoration: Decoration.Bold);

    private readonly IAnsiConsole console;
    private readonly Pace pace;
    private EpochTable? table;
    private IReadOnlyList<Result> totals = [];
    private TimeSpan? drawn;

    /// <summary>A view.</summary>
    /// <param name="console">A terminal.</param>
    /// <param name="pace">The time.</param>
    public TerminalView(IAnsiConsole console, Pace pace) => (this.console, this.pace) = (console, pace);

    /// <inheritdoc/>
    public override void ShowStep(Position position)
    {
        if (drawn is { } last && pace.Elapsed - last < Pause)
        {
            return;
        }

        Erase();
        Draw(position);
    }

    /// <inheritdoc/>
    public override void ShowEpoch(Position position, EpochResults results)
    {
        Erase();
        totals = results.Totals;
        if (table is null || !table.Fits(results.All))
        {
            table = new(results.All, position.Epochs ?? 1000, console.Profile.Width - 1);
            console.WriteLine(table.Header, Strong);
        }

        console.WriteLine(table.Line(position.Epoch, results.All, pace.EndEpoch()));
        if (position.Epochs is null || position.Epoch < position.Epochs)
        {
            Draw(position.Ended);
        }
    }

    /// <inheritdoc/>
    public override void Close() => Erase();

    private void Erase()
    {
        if (drawn is not null)
        {
            console.Write(new ControlCode("\r\u001b[2K"));
            drawn = null;
        }
    }

    private void Draw(Position position)
    {
        drawn = pace.Elapsed;
        var before = $"{position.Text} ";
        var after = After(position);
        var room = console.Profile.Width - 1;
        var bar = Math.Clamp(room - before.Length - after.Length, 0, WidestBar);
        var filled = (int)Math.Round(position.Fraction * bar);
        var (full, empty) = console.Profile.Capabilities.Unicode ? ('━', '─') : ('#', '-');
        foreach (var (text, style) in new[] { (before, Strong), (new(full, filled), Done), (new(empty, bar - filled), Quiet), (after, Quiet) })
        {
            var fits = text[..Math.Min(text.Length, room)];
            room -= fits.Length;
            console.Write(new Text(fits, style));
        }
    }

    private string After(Position position)
    {
        var percent = position.Fraction.ToString("0%", CultureInfo.InvariantCulture);
        var step = position.Steps > 0 ? $"{position.Step}/{position.Steps}" : $"{position.Step}";
        var losses = string.Concat(totals.Select(r => $"  {r.Name} {Numbers.Text(r.Value)}"));
        return $" {percent}  step {step}{losses}  {pace.Left(position.Fraction)} left";
    }
}
