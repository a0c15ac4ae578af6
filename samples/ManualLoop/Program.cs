// Your own modules, your own loop, your own optimizer: MultiTask comes in at one line, which is in Loop.cs.
using ManualLoop;
using MultiTask;
using MultiTask.Balancing;
using MultiTask.Diagnostics;
using MultiTask.Training;
using Shared;
using TorchSharp;
using static TorchSharp.torch;

var (seeds, pictures, epochs) = args.Contains("--short") ? (2, 500, 5) : (10, 2000, 30);
set_num_threads(1);    // for a network this small, threads cost more than they bring

(string Name, bool Shared, Func<Balancer>? Balancer)[] methods =
[
    ("losses added", true, null),
    ("two networks", false, null),
    ("uncertainty weighting", true, () => new UncertaintyWeighting([("left", Likelihood.Categorical), ("right", Likelihood.Categorical)])),
    ("PCGrad", true, () => new PCGrad()),
    ("MGDA", true, () => new MGDA()),
];

Console.WriteLine($"Two overlapping digits in a picture. {pictures} pictures to train on, {pictures / 2} to test on, {epochs} epochs, {seeds} seeds.");
Console.WriteLine();
Console.WriteLine($"{"",-22}{"parameters",10}{"left",16}{"right",16}{"gain over adding",18}{"better in",11}{"in conflict",13}{"mean cosine",13}");

double[] adding = [];
foreach (var (name, shared, balancer) in methods)
{
    var runs = Enumerable.Range(0, seeds).Select(seed => Run(seed, shared, balancer?.Invoke())).ToArray();
    var both = Array.ConvertAll(runs, r => (r.Left + r.Right) / 2);
    adding = adding.Length == 0 ? both : adding;

    var gains = both.Zip(adding, (a, b) => a - b).ToArray();
    var cosines = runs.SelectMany(r => r.Cosines).ToArray();
    Console.WriteLine(
        $"{name,-22}{runs[0].Size,10:N0}{Spread.Of(runs.Select(r => r.Left)),16}{Spread.Of(runs.Select(r => r.Right)),16}" +
        (both == adding ? "" : $"{Spread.Of(gains),18}{$"{gains.Count(g => g > 0)} of {seeds}",11}") +
        (cosines.Length == 0 ? "" : $"{(double)cosines.Count(c => c < 0) / cosines.Length,13:P0}{cosines.Average(),13:0.00}"));
}

Console.WriteLine();
Console.WriteLine("left, right: accuracy on the test pictures, mean ± standard deviation over the seeds.");
Console.WriteLine("gain over adding: of the mean of both, seed by seed.");
Console.WriteLine("in conflict: steps at which the angle between the two gradients, whose cosine is on the right, is obtuse.");
Console.WriteLine();
SaveAndLoad();

// Trains and tests one network.
(double Left, double Right, long Size, List<double> Cosines) Run(int seed, bool shared, Balancer? balancer)
{
    using var scope = NewDisposeScope();    // the tensors of a run, such as the pictures, go when the run ends
    using (balancer)
    {
        manual_seed(seed);
        var (train, test) = DigitPairs.Load(pictures, pictures / 2, seed);
        using var net = new DigitNet(shared);
        var cosines = Loop.Train(net, train, epochs, seed, balancer);
        var (left, right) = Loop.Test(net, test);
        return (left, right, net.parameters().Sum(p => p.numel()), cosines);
    }
}

// Weights go to a file that Python reads too: safetensors.torch.load_file("digits.safetensors").
void SaveAndLoad()
{
    using var scope = NewDisposeScope();
    manual_seed(0);
    var (train, test) = DigitPairs.Load(pictures, pictures / 2, seed: 0);
    using var net = new DigitNet();
    using var balancer = new PCGrad();
    Loop.Train(net, train, epochs, seed: 0, balancer);

    var path = Path.Combine("output", "ManualLoop", "digits.safetensors");
    Directory.CreateDirectory(Path.GetDirectoryName(path)!);
    net.SaveWeights(path);

    using var loaded = new DigitNet();
    loaded.LoadWeights(path);
    Console.WriteLine($"Saved {path} ({new FileInfo(path).Length:N0} bytes): {string.Join(", ", net.state_dict().Keys)}.");
    Console.WriteLine($"Accuracy of the saved network: {Loop.Test(net, test)}; of the loaded one: {Loop.Test(loaded, test)}.");
}
