// Two digits in one picture are two tasks that have little to do with each other. Which architecture can tell them apart?
using System.Diagnostics;
using System.Globalization;
using MultiDigits;
using MultiTask.Balancing;
using MultiTask.Diagnostics;
using MultiTask.Training;
using Shared;
using static TorchSharp.torch;

CultureInfo.CurrentCulture = CultureInfo.InvariantCulture;
set_num_threads(1);    // for networks this small, threads cost more than they bring
var brief = args.Contains("--short");
if (args.Contains("--tune"))
{
    Tuning.Run(args.SkipWhile(arg => arg != "--tune").ElementAtOrDefault(1) ?? "");
    return;
}

var reference = Architecture.TwoNetworks;
var study = new TransferStudy
{
    Tasks = () => Architecture.Heads(reference.Width!.Value),
    Tower = () => Architecture.Encoder(reference.Width!.Value),
    Data = seed => Settings.Data(seed, brief),
    Optimizer = reference.Settings.Optimizer,
    Options = Settings.Options(brief),
    Seeds = [.. Enumerable.Range(0, brief ? 2 : 10).Select(seed => (long)seed)],
};
var widths = Architecture.All.ToDictionary(a => a.Name, a => a.FindWidth());
Candidate[] candidates =
[
    .. Architecture.All.Select(a => new Candidate(a.Name, () => (a.Build(widths[a.Name]), new EqualWeights())) { Optimizer = a.Settings.Optimizer }),
];

Console.WriteLine($"Two overlapping digits in a picture, {study.Seeds.Count} seeds.");
var clock = Stopwatch.StartNew();
var comparison = study.Run(candidates);

Console.WriteLine();
Console.WriteLine($"{"",-36}{"width",6}{"parameters",12}{"left",16}{"right",16}{"points over two networks",27}{"better in",12}");
WriteRow(reference, reference.Width!.Value, comparison.Baseline, gains: "");
foreach (var architecture in Architecture.All)
{
    var points = Gains(architecture.Name);
    WriteRow(architecture, widths[architecture.Name], architecture.Name,
        $"{$"{points.Average():+0.00;-0.00} ± {StandardError(points):0.00}",27}{$"{points.Count(p => p > 0)} of {points.Length}",12}");
}

Console.WriteLine();
Console.WriteLine("left, right: accuracy on the test pictures, mean ± standard deviation over the seeds.");
Console.WriteLine("points over two networks: percentage points, of the mean of both, seed by seed; mean ± standard error.");

var path = Path.Combine(Directory.CreateDirectory(Path.Combine("output", "MultiDigits")).FullName, "architectures.png");
Figure.Save(path, [.. Architecture.All.Select(a => (a.Name, Gains(a.Name)))]);
Console.WriteLine($"Figure: output/MultiDigits/architectures.png. {clock.Elapsed.TotalSeconds:0} s.");

Spread Accuracy(string method, string digit) => comparison.Over(method, test => test[digit]["accuracy"]);

void WriteRow(Architecture architecture, int width, string method, string gains)
{
    using var model = architecture.Build(width);
    Console.WriteLine($"{architecture.Name,-36}{width,6}{Budget.Size(model),12:N0}{Accuracy(method, "left"),16}{Accuracy(method, "right"),16}{gains}");
}

// In percentage points, one a seed.
double[] Gains(string method) => [.. comparison[method].Zip(comparison[comparison.Baseline], (own, two) => 100 * (Both(own) - Both(two)))];

static double Both(Evaluation test) => test.Tasks.Values.Average(task => task["accuracy"]);

static double StandardError(double[] values) => Spread.Of(values).Deviation / Math.Sqrt(values.Length);
