using System.Diagnostics;
using System.Globalization;
using ToyProblem;
using static TorchSharp.torch;

CultureInfo.CurrentCulture = CultureInfo.InvariantCulture;
set_num_threads(1); // the ways run side by side instead
var settings = args.Contains("--short") ? Settings.Brief : args.Contains("--paper") ? Settings.Paper : Settings.Usual;

Console.WriteLine($"Two losses of a point, Adam with a learning rate of {settings.LearningRate}, at most {settings.Steps} steps from each start.");
var methods = Methods.Of(settings.Scale);
var clock = Stopwatch.StartNew();
var ways = new Descent[methods.Count, Toy.Starts.Length];
Parallel.For(0, ways.Length, new() { MaxDegreeOfParallelism = Environment.ProcessorCount }, k =>
{
    var (method, start) = (k / Toy.Starts.Length, k % Toy.Starts.Length);
    using var balancer = methods[method].Create();
    ways[method, start] = Descent.Of(balancer, Toy.Starts[start], settings);
});

Descent[] Of(int method) => [.. Enumerable.Range(0, Toy.Starts.Length).Select(start => ways[method, start])];

Console.WriteLine();
Console.WriteLine("Both losses at the end; + on the Pareto front, - not");
Console.WriteLine($"{"",-14}{string.Concat(Toy.Starts.Select(s => $"{$"({s.X1}, {s.X2})",20}"))}");
for (var method = 0; method < methods.Count; method++)
{
    Console.WriteLine($"{methods[method].Name,-14}{string.Concat(Of(method).Select(w => $"{w.Losses["1"],10:0.00}{w.Losses["2"],8:0.00} {(w.OnTheFront ? '+' : '-')}"))}");
}

var path = Path.Combine(Directory.CreateDirectory(Path.Combine("output", "ToyProblem")).FullName, "trajectories.png");
Figure.Save(path, columns: 4, settings.Scale, [.. methods.Select((m, i) => (m.Name, Of(i)))]);
Console.WriteLine();
Console.WriteLine($"Figure: output/ToyProblem/trajectories.png. {ways.Cast<Descent>().Sum(w => w.Steps):N0} steps, {clock.Elapsed.TotalSeconds:0} s.");
