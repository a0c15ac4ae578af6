using MultiTask.Training;
using Spectre.Console;

namespace MultiTask.Terminal;

/// <summary>
/// Shows a training on the console: in a terminal a live bar below one table line an epoch, in a log one plain line an epoch.
/// </summary>
/// <remarks>
/// <para>
/// <c>using var progress = new ConsoleProgress();</c> and hand it to the trainer. Where the output is redirected, nothing but
/// text and line ends is written. Disposing removes the bar; the lines stay.
/// </para>
/// <para>Reports may come from any thread; each is shown before the call returns.</para>
/// </remarks>
public sealed class ConsoleProgress : IProgress<TrainingProgress>, IDisposable
{
    private readonly ProgressView view;
    private readonly Lock gate = new();

    /// <summary>A display on a console.</summary>
    /// <param name="console">The console; the process's own by default.</param>
    /// <param name="time">The clock; the system's by default.</param>
    public ConsoleProgress(IAnsiConsole? console = null, TimeProvider? time = null)
    {
        console ??= AnsiConsole.Console;
        var capabilities = console.Profile.Capabilities;
        var pace = new Pace(time ?? TimeProvider.System);
        view = capabilities.Ansi && capabilities.Interactive
            ? new TerminalView((IAnsiConsole)console, pace)
            : new LogView(console.Profile.Out.Writer, pace);
    }

    /// <inheritdoc/>
    public void Report(TrainingProgress value)
    {
        ArgumentNullException.ThrowIfNull(value);
        lock (gate)
        {
            var position = new Position(value.Epoch + 1, value.Epochs, value.Step, value.StepsPerEpoch ?? 0);
            if (value.Report is null)
            {
                view.ShowStep(position);
            }
            else
            {
                view.ShowEpoch(position, Results(value.Report));
            }
        }
    }

    /// <summary>Removes the live bar.</summary>
    public void Dispose()
    {
        lock (gate)
        {
            view.Close();
        }
    }

    private static EpochResults Results(EpochReport report)
    {
        var results = report.Validation ?? report.Train;
        return new(
            report.Validation is { } validation ? [new("train", report.Train.TotalLoss), new("valid", validation.TotalLoss)] : [new("train", report.Train.TotalLoss)],
            [.. results.Tasks.SelectMany(task => Results(task.Task, task.Value))]);
    }

    private static IEnumerable<Result> Results(string task, TaskReport report) =>
        report.Metrics.Select(metric => new Result($"{task} {metric.Name}", metric.Value)).Prepend(new($"{task} loss", report.Loss));
}
