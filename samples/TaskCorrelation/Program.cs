// How much does it cost to share, as tasks become less related? The synthetic benchmark of the MMoE paper.
using System.Diagnostics;
using System.Globalization;
using MultiTask.Diagnostics;
using Shared;
using TaskCorrelation;
using static TorchSharp.torch;

CultureInfo.CurrentCulture = CultureInfo.InvariantCulture;
set_num_threads(1);    // trainings run side by side instead
if (args.Contains("--tune"))
{
    Tuning.Run(args.SkipWhile(arg => arg != "--tune").ElementAtOrDefault(1) ?? "");
    return;
}

var (steps, seeds) = args.Contains("--short") ? (20, 2) : (Number("--steps") ?? 1500, Number("--seeds") ?? 10);
double[] cosines = [1, 0.9, 0.75, 0.5, 0];

Console.WriteLine($"Two regression tasks along two directions of {RelatedTasks.Inputs} inputs; {steps} steps, {seeds} seeds.");
var clock = Stopwatch.StartNew();
var widths = Architecture.All.ToDictionary(a => a, a => a.FindWidth());
Experiment[] experiments =
[
    .. from seed in Enumerable.Range(0, seeds) from architecture in Architecture.All from cosine in cosines
       select new Experiment(architecture, widths[architecture], cosine, seed),
];
var errors = experiments.Zip(Experiment.RunAll(experiments, steps)).ToLookup(e => (e.First.Architecture, e.First.Cosine), e => e.Second);

Console.WriteLine();
Console.WriteLine("Squared error on test samples, by the cosine of the two directions");
Console.WriteLine($"{"",-16}{"width",6}{"parameters",12}{string.Concat(cosines.Select(cosine => $"{cosine,16:0.00}"))}");
foreach (var architecture in Architecture.All)
{
    using var model = architecture.Build(widths[architecture]);
    Console.WriteLine($"{architecture.Name,-16}{widths[architecture],6}{Budget.Size(model),12:N0}{string.Concat(cosines.Select(cosine => $"{Spread.Of(errors[(architecture, cosine)]),16}"))}");
}

Console.WriteLine();
Console.WriteLine("Less than single-task, by the same cosine and seed, in");
foreach (var architecture in Architecture.All.Skip(1))
{
    Console.WriteLine($"{architecture.Name,-34}{string.Concat(cosines.Select(cosine => $"{$"{Wins(architecture, cosine)} of {seeds}",16}"))}");
}

Console.WriteLine();
Console.WriteLine($"Mean ± standard deviation over the seeds. Who always says the mean is wrong by {RelatedTasks.Variance():0.00}.");

var path = Path.Combine(Directory.CreateDirectory(Path.Combine("output", "TaskCorrelation")).FullName, "correlation.png");
Figure.Save(path, cosines, [.. Architecture.All.Select(a => (a.Name, cosines.Select(cosine => errors[(a, cosine)].ToArray()).ToArray()))]);
Console.WriteLine($"Figure: output/TaskCorrelation/correlation.png. {experiments.Length} trainings, {clock.Elapsed.TotalSeconds:0} s.");

int Wins(Architecture architecture, double cosine) =>
    errors[(architecture, cosine)].Zip(errors[(Architecture.All[0], cosine)], (own, single) => own < single).Count(win => win);

int? Number(string option) => args.SkipWhile(arg => arg != option).Skip(1).FirstOrDefault() is { } number ? int.Parse(number, CultureInfo.InvariantCulture) : null;
