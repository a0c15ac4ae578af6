using MultiTask.Training;

namespace MultiTask.Diagnostics;

/// <summary>Several methods over several seeds, and each against a baseline on the same seed.</summary>
public sealed class Comparison
{
    private readonly OrderedDictionary<string, IReadOnlyList<Evaluation>> results = new(StringComparer.Ordinal);

    /// <summary>A comparison of evaluations.</summary>
    /// <param name="baseline">The name of the method that the others are compared with.</param>
    /// <param name="results">For each method its evaluations, one a seed, at least one, in the same order of seeds.</param>
    /// <exception cref="ArgumentException">A method stands twice, the baseline is not among them, or one has more or fewer seeds.</exception>
    public Comparison(string baseline, IReadOnlyList<(string Method, IReadOnlyList<Evaluation> Seeds)> results)
    {
        ArgumentNullException.ThrowIfNull(results);
        var distinct = results.All(r => this.results.TryAdd(r.Method, r.Seeds));
        if (!distinct || !this.results.TryGetValue(baseline, out var own) || own.Count == 0 || results.Any(r => r.Seeds.Count != own.Count))
        {
            throw new ArgumentException(
                $"The baseline '{baseline}' should be among the methods, each of which stands once, and all should have as many seeds, at least one. " +
                $"Found {string.Join(", ", results.Select(r => $"'{r.Method}' with {r.Seeds.Count}"))}.",
                nameof(results));
        }

        Baseline = baseline;
    }

    /// <summary>The name of the baseline.</summary>
    public string Baseline { get; }

    /// <summary>The methods, the baseline among them, in order.</summary>
    public IReadOnlyList<string> Methods => [.. results.Keys];

    /// <summary>The evaluations of a method, one a seed.</summary>
    /// <param name="method">Its name.</param>
    /// <exception cref="KeyNotFoundException">There is no such method; the message lists those there are.</exception>
    public IReadOnlyList<Evaluation> this[string method] => results.TryGetValue(method, out var seeds)
        ? seeds
        : throw new KeyNotFoundException($"There is no method '{method}' here. Found: {TaskNames.List(Methods)}.");

    /// <summary>A method's Δm over the baseline, one a seed.</summary>
    /// <param name="method">Its name.</param>
    /// <param name="metric">Which metric; without, each task's first.</param>
    public IReadOnlyList<DeltaM> DeltaM(string method, string? metric = null) =>
        [.. this[method].Zip(this[Baseline], (own, other) => Diagnostics.DeltaM.Of(own, other, metric))];

    /// <summary>The mean and the spread over the seeds of a method's Δm over the baseline; positive is better.</summary>
    /// <param name="method">Its name.</param>
    /// <param name="metric">Which metric; without, each task's first.</param>
    public Spread Improvement(string method, string? metric = null) => Spread.Of(DeltaM(method, metric).Select(d => d.Mean));

    /// <summary>The mean and the spread of a figure over the seeds.</summary>
    /// <param name="method">The method's name.</param>
    /// <param name="figure">The figure of an evaluation.</param>
    public Spread Over(string method, Func<Evaluation, double> figure) => Spread.Of(this[method].Select(figure));

    /// <summary>In how many seeds a method is better than another.</summary>
    /// <param name="method">The method's name.</param>
    /// <param name="other">The other's name.</param>
    /// <param name="figure">The figure of an evaluation; higher is better.</param>
    public int Wins(string method, string other, Func<Evaluation, double> figure) =>
        this[method].Zip(this[other], (a, b) => figure(a) > figure(b)).Count(win => win);
}

/// <summary>A mean and its spread over seeds.</summary>
/// <param name="Mean">The mean.</param>
/// <param name="Deviation">The standard deviation of a sample (n − 1); NaN for a single value.</param>
/// <param name="Count">How many values.</param>
public readonly record struct Spread(double Mean, double Deviation, int Count)
{
    /// <summary>The mean and the spread of values.</summary>
    /// <param name="values">At least one.</param>
    /// <exception cref="ArgumentException">There is none.</exception>
    public static Spread Of(IEnumerable<double> values)
    {
        var all = values.ToArray();
        if (all.Length == 0)
        {
            throw new ArgumentException("A spread should be of at least one value. Found none.", nameof(values));
        }

        var mean = all.Average();
        return new(mean, Math.Sqrt(all.Sum(v => (v - mean) * (v - mean)) / (all.Length - 1)), all.Length);
    }

    /// <summary>For people: <c>0.421 ± 0.008</c>, or <c>0.421</c> of a single value.</summary>
    public override string ToString() => Count == 1 ? FormattableString.Invariant($"{Mean:0.000}") : FormattableString.Invariant($"{Mean:0.000} ± {Deviation:0.000}");
}
