using MultiTask.Diagnostics;

namespace MultiTask.Training;

/// <summary>Adds up records, in memory that does not grow with their number.</summary>
internal sealed class GradientTally
{
    private readonly Means<string> losses = new();
    private readonly Means<string> weights = new();
    private readonly Means<string> norms = new();
    private readonly Means<string> dominance = new();
    private readonly Means<(string First, string Second)> cosines = new();
    private readonly Means<(string First, string Second)> conflicts = new();
    private readonly Mean conflictRate = new();
    private IReadOnlyList<string> tasks = [];
    private long steps;
    private long skipped;
    private long measured;

    public void Add(StepRecord record)
    {
        ExpectSameTasks(record.Tasks);
        if (record.Skipped)
        {
            skipped++;
            return;
        }

        steps++;
        Add(losses, record.Losses);
        Add(weights, record.Weights ?? []);
        if (record.Conflicts is { } gradients)
        {
            measured++;
            Add(gradients);
        }
    }

    public GradientSummary ToSummary() => new(
        steps,
        skipped,
        measured,
        conflictRate.Count == 0 ? null : conflictRate.Value,
        [.. AllPairs().Where(cosines.Contains).Select(Summary)],
        OfTasks(losses),
        OfTasks(weights),
        OfTasks(norms),
        OfTasks(dominance));

    private static void Add(Means<string> means, TaskMap<double> values)
    {
        foreach (var (task, value) in values)
        {
            means[task].Add(value);
        }
    }

    private void Add(GradientConflicts gradients)
    {
        Add(norms, gradients.Norms);
        if (gradients.Pairs.Count == 0)
        {
            return; // alone, a task has all of the norms and none to conflict with
        }

        Add(dominance, gradients.Dominance);
        conflictRate.Add(gradients.ConflictRate);
        foreach (var key in AllPairs().Where(p => gradients.Contains(p.First) && gradients.Contains(p.Second)))
        {
            var pair = gradients[key.First, key.Second];
            cosines[key].Add(pair.Cosine);
            conflicts[key].Add(pair.Conflicts ? 1 : 0);
        }
    }

    private IEnumerable<(string First, string Second)> AllPairs() =>
        from i in Enumerable.Range(0, tasks.Count)
        from j in Enumerable.Range(i + 1, tasks.Count - i - 1)
        select (tasks[i], tasks[j]);

    private PairSummary Summary((string First, string Second) pair) =>
        new(pair.First, pair.Second, cosines[pair].Count, cosines[pair].Value, conflicts[pair].Value);

    private TaskMap<double> OfTasks(Means<string> means) =>
        TaskMap.Create(tasks.Where(means.Contains).Select(task => (task, means[task].Value)));

    private void ExpectSameTasks(IReadOnlyList<string> found)
    {
        if (tasks.Count > 0 && !tasks.SequenceEqual(found, StringComparer.Ordinal))
        {
            throw new InvalidOperationException($"A monitor is for the tasks of one model, {TaskNames.List(tasks)}. Found {TaskNames.List(found)}.");
        }

        tasks = found;
    }

    private sealed class Mean
    {
        private double sum;

        public long Count { get; private set; }

        public double Value => sum / Count;

        public void Add(double value)
        {
            sum += value;
            Count++;
        }
    }

    private sealed class Means<TKey>
        where TKey : notnull
    {
        private readonly Dictionary<TKey, Mean> means = [];

        public Mean this[TKey key] => means.TryGetValue(key, out var mean) ? mean : means[key] = new();

        public bool Contains(TKey key) => means.ContainsKey(key);
    }
}
