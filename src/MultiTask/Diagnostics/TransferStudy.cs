using MultiTask.Balancing;
using MultiTask.Data;
using MultiTask.Sharing;
using MultiTask.Training;
using static TorchSharp.torch;

namespace MultiTask.Diagnostics;

/// <summary>
/// Measures what learning the tasks together is worth: trains candidates, and one network for each task alone, on the same
/// data from the same seeds, and compares them on test data.
/// </summary>
/// <remarks>
/// The baseline is trained as the candidates are: same optimizer, same options, own early stopping, own best epoch, for
/// each task by itself: its network reads the samples that have a label of the task, in the batches of the common source.
/// Every training starts torch's random numbers from its seed, so that it depends on no other, and in the end they are what
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

    /// <summary>Makes the optimizer.</summary>
    public required Func<IReadOnlyList<TorchSharp.Modules.Parameter>, optim.Optimizer> Optimizer { get; init; }

    /// <summary>How to train; the defaults where there are none. Its model selection should be one that a single task allows, too.</summary>
    public TrainerOptions Options { get; init; } = new();

    /// <summary>The seeds, at least one; 0 to 4 by default.</summary>
    public IReadOnlyList<long> Seeds { get; init; } = [0, 1, 2, 3, 4];

    /// <summary>Trains and tests the baseline and the candidates.</summary>
    /// <param name="candidates">What is to be compared; names are distinct.</param>
    /// <param name="progress">Told after each training.</param>
    /// <param name="cancellationToken">Ends the study between two steps.</param>
    /// <exception cref="ArgumentException">Two candidates have the same name, or one has the baseline's, or there is no seed.</exception>
    public Comparison Run(
        IReadOnlyList<Candidate> candidates,
        IProgress<(string Candidate, long Seed)>? progress = null,
        CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(candidates);
        if (Seeds.Count == 0)
        {
            throw new ArgumentException($"`{nameof(Seeds)}` should have at least one seed. Found none.");
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
            results[Baseline].Add(Seeded(seed, () => Alone(seed, data, cancellationToken)));
            progress?.Report((Baseline, seed));
            foreach (var candidate in candidates)
            {
                results[candidate.Name].Add(Seeded(seed, () => Together(candidate, data, cancellationToken)));
                progress?.Report((candidate.Name, seed));
            }
        }

        return new(Baseline, [.. names.Select(n => (n, (IReadOnlyList<Evaluation>)results[n]))]);
    }

    private Evaluation Alone(long seed, StudyData data, CancellationToken cancellation)
    {
        var tasks = Tasks();
        var reports = tasks.Select(task =>
        {
            manual_seed(seed);
            using var model = new MultiTaskModel(new HardSharing(Tower()), [task]);
            return Test(model, new EqualWeights(), data.Only(task.Name), cancellation);
        }).ToArray();
        return new(TaskMap.Create(reports.SelectMany(r => r.Tasks)), reports.Sum(r => r.TotalLoss));
    }

    private Evaluation Together(Candidate candidate, StudyData data, CancellationToken cancellation)
    {
        var (model, balancer) = candidate.Build();
        using (model)
        using (balancer)
        {
            return Test(model, balancer, data, cancellation);
        }
    }

    private Evaluation Test(MultiTaskModel model, Balancer balancer, StudyData data, CancellationToken cancellation)
    {
        using var trainer = new Trainer(model, balancer, Optimizer);
        trainer.Fit(data.Train, data.Validation, Options, cancellationToken: cancellation);
        return trainer.Evaluate(data.Test, cancellation);
    }

    private static T Seeded<T>(long seed, Func<T> work)
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
}

/// <summary>What is compared with the single-task networks.</summary>
/// <param name="Name">Its name in results.</param>
/// <param name="Build">Makes a new model and a new balancer; the study disposes them.</param>
public sealed record Candidate(string Name, Func<(MultiTaskModel Model, Balancer Balancer)> Build);

/// <summary>The data of one seed.</summary>
/// <param name="Train">To learn from.</param>
/// <param name="Validation">To stop early and to select the epoch by; <c>null</c> for neither.</param>
/// <param name="Test">To judge by; seen once, at the end.</param>
public sealed record StudyData(BatchSource Train, BatchSource? Validation, BatchSource Test)
{
    internal StudyData Only(string task) => new(new OneTask(Train, task), Validation is null ? null : new OneTask(Validation, task), new OneTask(Test, task));
}
