using MultiTask.Balancing;
using MultiTask.Data;
using MultiTask.Sharing;
using MultiTask.Training;
using static TorchSharp.torch;

namespace MultiTask.Diagnostics;

/// <summary>
/// Measures what learning the tasks together is worth: trains candidates, and a network of its own for each task, on the
/// same data from the same seeds, and compares them on test data.
/// </summary>
/// <remarks>
/// The baseline is trained as the candidates are: same optimizer (unless a candidate brings its own), same options. Trained
/// alone, a task's network reads the samples that have a label of the task, in the batches of the common source. Every
/// training starts torch's random numbers from its seed, so that it depends on no other; in the end those of the CPU are what
/// they were before.
/// </remarks>
public sealed class TransferStudy
{
    /// <summary>The name of the baseline in results.</summary>
    public const string Baseline = "single-task";

    /// <summary>Makes the tasks, with new heads, on each call.</summary>
    public required Func<IReadOnlyList<LearningTask>> Tasks { get; init; }

    /// <summary>Makes the baseline's encoder, anew on each call.</summary>
    public required Func<Encoder> Tower { get; init; }

    /// <summary>Makes the data of a seed; they stay the caller's, who may give all seeds the same.</summary>
    public required Func<long, StudyData> Data { get; init; }

    /// <summary>How the baseline's networks are trained: each alone by default.</summary>
    public BaselineTraining BaselineTraining { get; init; }

    /// <summary>Makes the optimizer.</summary>
    public required Func<IReadOnlyList<TorchSharp.Modules.Parameter>, optim.Optimizer> Optimizer { get; init; }

    /// <summary>How to train; the defaults where there are none. Its model selection should be one that a single task allows, too.</summary>
    public TrainerOptions Options { get; init; } = new();

    /// <summary>The seeds, at least one; 0 to 4 by default.</summary>
    public IReadOnlyList<long> Seeds { get; init; } = [0, 1, 2, 3, 4];

    /// <summary>Trains and tests the baseline and the candidates.</summary>
    /// <param name="candidates">What is to be compared; names are distinct.</param>
    /// <param name="progress">Told after each candidate's training, and after the baseline's.</param>
    /// <param name="cancellationToken">Ends the study between two steps.</param>
    /// <exception cref="ArgumentException">Two candidates have the same name, or one has the baseline's, or there is no seed.</exception>
    public Comparison Run(
        IReadOnlyList<Candidate> candidates,
        IProgress<StudyProgress>? progress = null,
        CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(candidates);
        if (Seeds.Count == 0)
        {
            throw new ArgumentException($"`{nameof(Seeds)}` should have at least one seed. Found none.");
        }

        if (Options.CheckpointPath is { } path)
        {
            throw new ArgumentException($"`{nameof(Options)}` should have no checkpoint path, because all trainings would share the file. Found '{path}'.");
        }

        string[] names = [Baseline, .. candidates.Select(c => c.Name)];
        if (names.Distinct(StringComparer.Ordinal).Count() < names.Length)
        {
            throw new ArgumentException($"Candidates should have distinct names, other than '{Baseline}'. Found {TaskNames.List(names.Skip(1))}.", nameof(candidates));
        }

        var results = names.ToDictionary(n => n, _ => new List<Evaluation>(), StringComparer.Ordinal);
        foreach (var seed in Seeds)
        {
            var data = Data(seed);
            Keep(Baseline, seed, () => BaselineTraining == BaselineTraining.Alone ? Alone(seed, data, cancellationToken) : SideBySide(data, cancellationToken));
            foreach (var candidate in candidates)
            {
                Keep(candidate.Name, seed, () => Together(candidate, data, cancellationToken));
            }
        }

        return new(Baseline, [.. names.Select(n => (n, (IReadOnlyList<Evaluation>)results[n]))]);

        void Keep(string candidate, long seed, Func<Result> train)
        {
            var result = Seeded(seed, train);
            results[candidate].Add(result.Test);
            progress?.Report(new(candidate, seed, result.Test, result.History));
        }
    }

    private Result Alone(long seed, StudyData data, CancellationToken cancellation)
    {
        var reports = Tasks().Select(task =>
        {
            manual_seed(seed);
            using var model = new MultiTaskModel(new HardSharing(Tower()), [task]);
            using var balancer = new EqualWeights();
            return Test(model, balancer, data.Only(task.Name), Optimizer, cancellation).Test;
        }).ToArray();
        return new(new(TaskMap.Create(reports.SelectMany(r => r.Tasks)), reports.Sum(r => r.TotalLoss)), null);
    }

    private Result SideBySide(StudyData data, CancellationToken cancellation)
    {
        var tasks = Tasks();
        using var model = new MultiTaskModel(new SingleTask(tasks, Tower), tasks);
        using var balancer = new EqualWeights();
        return Test(model, balancer, data, Optimizer, cancellation);
    }

    private Result Together(Candidate candidate, StudyData data, CancellationToken cancellation)
    {
        var (model, balancer) = candidate.Build();
        using (model)
        using (balancer)
        {
            return Test(model, balancer, data, candidate.Optimizer ?? Optimizer, cancellation);
        }
    }

    private Result Test(
        MultiTaskModel model,
        Balancer balancer,
        StudyData data,
        Func<IReadOnlyList<TorchSharp.Modules.Parameter>, optim.Optimizer> optimizer,
        CancellationToken cancellation)
    {
        using var trainer = new Trainer(model, balancer, optimizer);
        var history = trainer.Fit(data.Train, data.Validation, Options, cancellationToken: cancellation);
        return new(trainer.Evaluate(data.Test, cancellation), history);
    }

    private static Result Seeded(long seed, Func<Result> work)
    {
        var before = RandomState.Capture();
        try
        {
            using var scope = NewDisposeScope();
            manual_seed(seed);
            return work();
        }
        finally
        {
            RandomState.Restore(before, "the state before the study");
        }
    }

    private sealed record Result(Evaluation Test, TrainingHistory? History);
}

/// <summary>How the networks of the baseline are trained.</summary>
public enum BaselineTraining
{
    /// <summary>Each by itself: own early stopping, own best epoch. Every task needs labels of its own to learn from.</summary>
    Alone,

    /// <summary>
    /// All in one loop, as the towers of <see cref="SingleTask"/>, with a common stopping point: for many tasks of few rows,
    /// where a task's own validation rows are too few to stop by.
    /// </summary>
    SideBySide,
}

/// <summary>What is compared with the single-task networks.</summary>
/// <param name="Name">Its name in results.</param>
/// <param name="Build">Makes a new model and a new balancer; the study disposes them.</param>
public sealed record Candidate(string Name, Func<(MultiTaskModel Model, Balancer Balancer)> Build)
{
    /// <summary>Makes the candidate's optimizer; the study's, where there is none.</summary>
    public Func<IReadOnlyList<TorchSharp.Modules.Parameter>, optim.Optimizer>? Optimizer { get; init; }
}

/// <summary>A training of a study that has ended.</summary>
/// <param name="Candidate">The candidate's name, or the baseline's.</param>
/// <param name="Seed">The seed.</param>
/// <param name="Test">What it reached on the test data.</param>
/// <param name="History">How it got there; <c>null</c> for networks that were trained each alone.</param>
public sealed record StudyProgress(string Candidate, long Seed, Evaluation Test, TrainingHistory? History);

/// <summary>The data of one seed.</summary>
/// <param name="Train">To learn from.</param>
/// <param name="Validation">To stop early and to select the epoch by; <c>null</c> for neither.</param>
/// <param name="Test">To judge by; seen once, at the end.</param>
public sealed record StudyData(BatchSource Train, BatchSource? Validation, BatchSource Test)
{
    internal StudyData Only(string task) => new(new OneTask(Train, task), Validation is null ? null : new OneTask(Validation, task), new OneTask(Test, task));
}
