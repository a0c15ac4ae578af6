namespace TaskCorrelation;

/// <summary>Chooses each architecture's learning rate: as many trials for each, on seeds of their own.</summary>
internal static class Tuning
{
    private static readonly double[] Cosines = [1, 0];
    private static readonly int[] Seeds = [100, 101, 102, 103, 104];

    /// <param name="part">A part of the names of the architectures to tune; none for all.</param>
    public static void Run(string part)
    {
        Console.WriteLine($"Squared error by learning rate, of soft sharing by learning rate and strength; mean over cosines {string.Join(", ", Cosines)} and {Seeds.Length} seeds.");
        foreach (var architecture in Architecture.All.Where(a => a.Name.Contains(part, StringComparison.OrdinalIgnoreCase)))
        {
            var width = architecture.FindWidth();
            Console.Write($"{architecture.Name,-16}");
            foreach (var (setting, trial) in Trials(architecture))
            {
                Experiment[] experiments = [.. from cosine in Cosines from seed in Seeds select new Experiment(trial, width, cosine, seed)];
                Console.Write($"{setting,14}: {Experiment.RunAll(experiments, steps: 1500).Average():0.000}");
            }

            Console.WriteLine();
        }
    }

    private static IEnumerable<(string Setting, Architecture Trial)> Trials(Architecture architecture) =>
        architecture.Name == "soft sharing"
            ? from rate in new[] { 0.0025, 0.005, 0.01 } from strength in new[] { 0.0001, 0.001 } select ($"{rate}, {strength}", Architecture.SoftSharing(strength, rate))
            : from rate in new[] { 0.0025, 0.005, 0.01, 0.02, 0.03, 0.04 } select ($"{rate}", architecture with { LearningRate = rate });
}
