using MultiTask;
using MultiTask.Balancing;
using MultiTask.Diagnostics;
using static TorchSharp.torch;

namespace MultiDigits;

/// <summary>Chooses each architecture's settings: as many trials for each, on seeds of their own, by validation pictures.</summary>
internal static class Tuning
{
    private static readonly double[] Rates = [0.0025, 0.005, 0.01, 0.02, 0.04];
    private static readonly double[] Decays = [0.01, 0.1];
    private static readonly double[] Strengths = [0.0001, 0.001];
    private static readonly long[] Seeds = [100, 101, 102];

    /// <param name="part">A part of the names of the architectures to tune, so that several processes can share the work; none for all.</param>
    public static void Run(string part)
    {
        Console.WriteLine("Accuracy on validation pictures by learning rate and weight decay; of soft sharing by learning rate and strength.");
        foreach (var architecture in Architecture.All.Prepend(Architecture.TwoNetworks).Where(a => a.Name.Contains(part, StringComparison.Ordinal)))
        {
            var width = architecture.FindWidth();
            Console.Write($"{architecture.Name,-36}");
            foreach (var (rate, other, trial) in Trials(architecture))
            {
                Console.Write($"{rate,9} {other,-7}{Seeds.Average(seed => Validated(trial, width, seed)):0.0000}");
            }

            Console.WriteLine();
        }
    }

    /// <summary>As many for each. The penalty of soft sharing takes the place of weight decay.</summary>
    private static IEnumerable<(double Rate, double Other, Architecture Trial)> Trials(Architecture architecture) =>
        architecture.Name == "soft sharing"
            ? from rate in Rates from strength in Strengths select (rate, strength, Architecture.SoftSharing(strength, new(rate, 0.1)))
            : from rate in Rates from decay in Decays select (rate, decay, architecture with { Settings = new(rate, decay) });

    private static double Validated(Architecture architecture, int width, long seed)
    {
        using var scope = NewDisposeScope();
        manual_seed(seed);
        using var model = architecture.Build(width);
        using var balancer = new EqualWeights();
        using var trainer = new Trainer(model, balancer, architecture.Settings.Optimizer);
        var data = Settings.Data(seed, brief: false);
        return trainer.Fit(data.Train, data.Validation, Settings.Options(brief: false)).Best!.Score;
    }
}
