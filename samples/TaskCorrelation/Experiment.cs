using MultiTask;
using MultiTask.Balancing;
using TorchSharp;
using static TorchSharp.torch;

namespace TaskCorrelation;

/// <summary>One training.</summary>
/// <param name="Architecture">What is trained.</param>
/// <param name="Width">How wide it is.</param>
/// <param name="Cosine">How related the tasks are.</param>
/// <param name="Seed">Where data and initial weights come from.</param>
internal sealed record Experiment(Architecture Architecture, int Width, double Cosine, int Seed)
{
    private static readonly Lock Seeding = new();

    /// <summary>Trains and tests; side by side with others, and with the same result.</summary>
    /// <param name="steps">How many steps of Adam; the learning rate falls to 0 along a cosine.</param>
    /// <returns>The squared error on test samples, mean of the two tasks.</returns>
    public double Run(int steps)
    {
        using var scope = NewDisposeScope();
        var (train, test) = RelatedTasks.Draw(Seed, Cosine, train: 10_000, test: 5_000);
        using var model = Build();
        using var balancer = new EqualWeights();
        using var trainer = new Trainer(model, balancer, parameters => optim.Adam(parameters, Architecture.LearningRate));
        trainer.Fit(train.Batches(128, seed: Seed), options: new()
        {
            Steps = steps,
            Schedule = optimizer => optim.lr_scheduler.CosineAnnealingLR(optimizer, steps),
            ScheduleClock = ScheduleClock.Step,
        });
        return trainer.Evaluate(test.Batches(5_000, shuffle: false)).Tasks.Values.Average(task => task.Loss);
    }

    /// <summary>Runs experiments side by side.</summary>
    public static double[] RunAll(IReadOnlyList<Experiment> experiments, int steps)
    {
        var errors = new double[experiments.Count];
        Parallel.For(0, errors.Length, new() { MaxDegreeOfParallelism = Environment.ProcessorCount }, k => errors[k] = experiments[k].Run(steps));
        return errors;
    }

    /// <summary>Torch's random numbers are the process's: one at a time draws initial weights. Nothing is drawn after that.</summary>
    private MultiTaskModel Build()
    {
        lock (Seeding)
        {
            manual_seed(Seed);
            return Architecture.Build(Width);
        }
    }
}
