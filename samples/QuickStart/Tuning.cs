using MultiTask.Balancing;
using MultiTask.Diagnostics;
using MultiTask.Sharing;
using MultiTask.Terminal;

namespace QuickStart;

/// <summary>Chooses learning rate, weight decay and strength of each method: as many settings for each, on splits of their own, by validation pupils.</summary>
internal static class Tuning
{
    public static void Run(Schools schools, Methods methods)
    {
        var table = new ComparisonTable("method", new ComparisonColumn("explained variance, validation pupils", HigherIsBetter: true));
        foreach (var (rate, decay) in from rate in new[] { 0.003, 0.01 } from decay in new[] { 0.1, 0.3, 1.0, 3.0 } select (rate, decay))
        {
            Add($"single-task, {rate}, {decay}", () => Methods.Model(new SingleTask(schools.Names, () => methods.Tower()), methods.TowerTasks(), new EqualWeights()), rate, decay);
            Add($"pooled, {rate}, {decay}", () => Methods.Model(new HardSharing(methods.Trunk()), methods.PooledHeads(), new EqualWeights()), rate, decay);
            Add($"hard, {rate}, {decay}", () => Methods.Model(new HardSharing(methods.Trunk()), methods.Heads(), new EqualWeights()), rate, decay);
            Add($"hard PCGrad, {rate}, {decay}", () => Methods.Model(new HardSharing(methods.Trunk()), methods.Heads(), new PCGrad()), rate, decay);
            Add($"hard uncertainty, {rate}, {decay}", () => Methods.Model(new HardSharing(methods.Trunk()), methods.Heads(), new UncertaintyWeighting(methods.Heads())), rate, decay);
        }

        foreach (var (rate, strength) in from rate in new[] { 0.003, 0.01 } from strength in new[] { 1.0, 3, 10, 30 } select (rate, strength))
        {
            Add($"soft, {rate}, strength {strength}", () => methods.Soft(strength), rate, 0.01);
        }

        table.Write();

        void Add(string name, Func<(MultiTask.MultiTaskModel Model, MultiTask.Balancer Balancer)> build, double rate, double decay)
        {
            var explained = new List<double>();
            foreach (var seed in new long[] { 100, 101, 102 })
            {
                TorchSharp.torch.manual_seed(seed);
                var data = schools.Split(seed);
                var (model, balancer) = build();
                using (model)
                using (balancer)
                using (var trainer = new MultiTask.Trainer(model, balancer, Methods.AdamW(rate, decay)))
                {
                    trainer.Fit(data.Train, data.Validation, Settings.Options(brief: false));
                    explained.Add(Schools.ExplainedVariance(trainer.Evaluate(data.Validation!), data.Validation!));
                }
            }

            System.Console.WriteLine($"{name}: {explained.Average():0.0000}");
            table.Add(name, explained);
        }
    }
}
