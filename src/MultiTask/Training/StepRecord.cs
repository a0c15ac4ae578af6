using MultiTask.Diagnostics;

namespace MultiTask.Training;

/// <summary>What a <see cref="GradientMonitor"/> records of one step.</summary>
/// <param name="Tasks">All tasks of the model, in order; those of a step may be fewer.</param>
/// <param name="Epoch">The epoch, from 0.</param>
/// <param name="Step">The step since the beginning of the run, from 1; one that was skipped leaves its number to the next.</param>
public sealed record StepRecord(IReadOnlyList<string> Tasks, int Epoch, long Step)
{
    /// <summary>Whether the step was skipped. Such a record has neither losses nor weights nor gradients.</summary>
    public bool Skipped { get; init; }

    /// <summary>Why it was skipped: the message about the value that is not finite; <c>null</c> where there is none, or no label.</summary>
    public string? Fault { get; init; }

    /// <summary>The losses of the tasks that had a label.</summary>
    public TaskMap<double> Losses { get; init; } = [];

    /// <summary>What the tasks were multiplied by, where the balancer has such weights.</summary>
    public TaskMap<double>? Weights { get; init; }

    /// <summary>The conflicts of the gradients, where the balancer has a Gramian.</summary>
    public GradientConflicts? Conflicts { get; init; }

    /// <summary>Whether <see cref="Figures"/> has those of each pair of tasks; true by default.</summary>
    public bool Pairs { get; init; } = true;

    /// <summary>
    /// All figures. Their names and order depend on <see cref="Tasks"/> and <see cref="Pairs"/> alone, so that they make the columns of a table;
    /// what the step does not have is <c>null</c>.
    /// </summary>
    public IReadOnlyList<StepFigure> Figures()
    {
        var c = Conflicts;
        return
        [
            .. OfTasks("loss", Losses),
            .. OfTasks("weight", Weights),
            .. OfTasks("norm", c?.Norms),
            .. OfTasks("dominance", c?.Dominance),
            .. OfPairs("cosine", p => p.Cosine),
            .. OfPairs("magnitude_similarity", p => p.MagnitudeSimilarity),
            .. OfPairs("curvature", p => p.Curvature),
            OfSeveral("conflict_rate", c => c.ConflictRate),
            OfSeveral("min_cosine", c => c.MostConflicting!.Cosine),
            OfSeveral("mean_magnitude_similarity", c => c.MeanMagnitudeSimilarity),
            OfSeveral("max_curvature", c => c.MaxCurvature),
            new("condition_number", "", c?.ConditionNumber),
            new("stationarity", "", c?.Stationarity),
            new("relative_stationarity", "", c?.RelativeStationarity),
        ];
    }

    private IEnumerable<StepFigure> OfTasks(string name, TaskMap<double>? values) =>
        Tasks.Select(task => new StepFigure(name, task, values is not null && values.TryGetValue(task, out var value) ? value : null));

    private IEnumerable<StepFigure> OfPairs(string name, Func<GradientPair, double> figure) =>
        from i in Enumerable.Range(0, Pairs ? Tasks.Count : 0)
        from j in Enumerable.Range(i + 1, Tasks.Count - i - 1)
        select new StepFigure(name, $"{Tasks[i]}.{Tasks[j]}", Has(Tasks[i]) && Has(Tasks[j]) ? figure(Conflicts![Tasks[i], Tasks[j]]) : null);

    /// <summary>A figure of all pairs, where there is one.</summary>
    private StepFigure OfSeveral(string name, Func<GradientConflicts, double> figure) =>
        new(name, "", Conflicts is { Pairs.Count: > 0 } c ? figure(c) : null);

    private bool Has(string task) => Conflicts?.Contains(task) == true;
}
