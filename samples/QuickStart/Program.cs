using System.Diagnostics;
using System.Globalization;
using MultiTask;
using MultiTask.Diagnostics;
using MultiTask.Training;
using QuickStart;
using Spectre.Console;
using static TorchSharp.torch;

set_num_threads(1); // small networks: a second thread costs more than it brings
if (Console.IsOutputRedirected)
{
    AnsiConsole.Profile.Width = 120; // a log has no width of its own
}

var brief = args.Contains("--short");

using var schools = new Schools(Path.Combine(AppContext.BaseDirectory, "data", "Exam.csv"));
var methods = new Methods(schools.Names, schools.Columns);
if (args.Contains("--tune"))
{
    Tuning.Run(schools, methods);
    return;
}

var study = new TransferStudy
{
    Tasks = methods.TowerTasks,
    Tower = () => methods.Tower(),
    BaselineTraining = BaselineTraining.SideBySide,
    Data = schools.Split,
    Optimizer = Methods.AdamW(0.01, 3),
    Options = Settings.Options(brief),
    Seeds = brief ? [0] : [0, 1, 2, 3, 4],
};

AnsiConsole.MarkupLineInterpolated(CultureInfo.InvariantCulture, $"Exam scores of {schools.Pupils} pupils, a task for each of {schools.Names.Count} schools, {study.Seeds.Count} random splits.");
var clock = Stopwatch.StartNew();
var trained = new List<StudyProgress>();
var candidates = methods.Candidates;
var comparison = AnsiConsole.Progress().Start(context =>
{
    var bar = context.AddTask("training", maxValue: study.Seeds.Count * (candidates.Count + 1));
    return study.Run(candidates, new Told(done =>
    {
        trained.Add(done);
        bar.Description = Markup.Escape($"seed {done.Seed}: {done.Candidate}");
        bar.Increment(1);
    }));
});

double[] Explained(string method) =>
    [.. comparison[method].Select((test, i) => Schools.ExplainedVariance(test, schools.Split(study.Seeds[i]).Test))];

var explained = comparison.Methods.ToDictionary(m => m, Explained);
var table = new Table().Border(TableBorder.Rounded)
    .AddColumn("method").AddColumn("explained variance", c => c.RightAligned()).AddColumn("Δm", c => c.RightAligned())
    .AddColumn("better than one a school", c => c.RightAligned()).AddColumn("better than pooled", c => c.RightAligned());
foreach (var method in comparison.Methods)
{
    var gain = Spread.Of(comparison.DeltaM(method).Select(d => 100 * d.Mean));
    table.AddRow(
        method == TransferStudy.Baseline ? "one network a school" : method,
        Spread.Of(explained[method]).ToString(),
        method == TransferStudy.Baseline ? "–" : string.Create(CultureInfo.InvariantCulture, $"{gain.Mean:+0.0;-0.0} ± {gain.Deviation:0.0} %"),
        Wins(method, TransferStudy.Baseline),
        Wins(method, Methods.Pooled));
}

AnsiConsole.Write(table);
AnsiConsole.WriteLine("Mean ± standard deviation over the splits; wins: on how many splits. Δm: mean relative improvement of the schools' RMSE.");

var folder = Directory.CreateDirectory(Path.Combine("output", "QuickStart")).FullName;
Charts.Comparison(Path.Combine(folder, "comparison.png"), "Exam scores of 65 schools, test pupils", "explained variance", [.. explained.Select(e => (e.Key, e.Value))]);
Charts.Curves(Path.Combine(folder, "learning-curves.png"), "Validation pupils while training", "mean squared error, mean over schools",
    [.. trained.GroupBy(t => t.Candidate).Select(g => (g.Key, g.Select(t => t.History!.Epochs.Select(e => e.Validation!.TotalLoss / schools.Names.Count).ToArray()).ToArray()))]);
AnsiConsole.MarkupLineInterpolated(CultureInfo.InvariantCulture, $"Charts: output/QuickStart/comparison.png, output/QuickStart/learning-curves.png. {clock.Elapsed.TotalSeconds:0} s.");

string Wins(string method, string other) => method == other
    ? "–"
    : $"{explained[method].Zip(explained[other], (a, b) => a > b).Count(win => win)} of {study.Seeds.Count}";

/// <summary>How long all methods train.</summary>
internal static class Settings
{
    public static TrainerOptions Options(bool brief) => new()
    {
        Epochs = brief ? 5 : 300,
        Patience = 30,
        Selection = ModelSelection.By(report => -report.Validation!.Tasks.Values.Sum(school => school.Labels * school.Loss)), // every pupil counts alike
    };
}

/// <summary>Tells at once, on the thread that trains.</summary>
internal sealed class Told(Action<StudyProgress> tell) : IProgress<StudyProgress>
{
    public void Report(StudyProgress value) => tell(value);
}
