using MultiTask.Training;

namespace MultiTask.Diagnostics;

/// <summary>Several methods over several seeds, and each against a baseline on the same seed.</summary>
public sealed class Comparison
{
    private readonly OrderedDictionary<string, IReadOnlyList<Evaluation>> results = new(StringComparer.Ordinal);

    /// <summary>A comparison of evaluations.</summary>
    /// <param name="baseline">The name of the method that the others are compared with.</param>
    /// <param name="results">For each method its evaluations, one a seed, in the same order of seeds.</param>
    /// <exception cref="ArgumentException">The baseline is not among the methods, or a method has more or fewer seeds.</exception>
    public Comparison(string baseline, IReadOnlyList<(string Method, IReadOnlyList<Evaluation> Seeds)> results)
    {
        ArgumentNullException.ThrowIfNull(results);
        foreach (var (method, seeds) in results)
        {
            this.results.Add(method, seeds);
        }

        if (!this.results.TryGetValue(baseline, out var own) || results.Any(r => r.Seeds.Count != own.Count))
        {
            throw new ArgumentException($"The baseline '{baseline}' should be among the methods, and all should have as many seeds. Found {string.Join(", ", results.Select(r => $"'{r.Method}' with {r.Seeds.Count}"))}.", nameof(results));
        }

        Baseline = baseline;
    }

    /// <summary>The name of the baseline.</summary>
    public string Baseline { get; }

    /// <summary>The methods, the baseline among them, in order.</summary>
    public IReadOnlyList<string> Methods => [.. results.Keys];

    /// <summary>The evaluations of a method, one a seed.</summary>
    /// <param name="method">Its name.</param>
    public IReadOnlyList<Evaluation> this[string method] => results[method];

    /// <summary>A method's Δm over the baseline, one a seed.</summary>
    /// <param name="method">Its name.</param>
    /// <param name="metric">Which metric; without, each task's first.</param>
    public IReadOnlyList<DeltaM> DeltaM(string method, string? metric = null) =>
        [.. results[method].Zip(results[Baseline], (own, other) => Diagnostics.DeltaM.Of(own, other, metric))];

    /// <summary>The mean and the spread of a figure over the seeds.</summary>
    /// <param name="method">The method's name.</param>
    /// <param name="figure">The figure of an evaluation.</param>
    public Spread Over(string method, Func<Evaluation, double> figure) => Spread.Of(results[method].Select(figure));

    /// <summary>In how many seeds a method is better than another.</summary>
    /// <param name="method">The method's name.</param>
    /// <param name="other">The other's name.</param>
    /// <param name="figure">The figure of an evaluation; higher is better.</param>
    public int Wins(string method, string other, Func<Evaluation, double> figure) =>
        results[method].Zip(results[other], (a, b) => figure(a) > figure(b)).Count(win => win);
}

/// <summary>A mean and its spread over seeds.</summary>
/// <param name="Mean">The mean.</param>
/// <param name="Deviation">The standard deviation of a sample (n − 1); NaN for a single value.</param>
/// <param name="Count">How many values.</param>
public readonly record struct Spread(double Mean, double Deviation, int Count)
{
    /// <summary>The mean and the spread of values.</summary>
    /// <param name="values">At least one.</param>
    public static Spread Of(IEnumerable<double> values)
    {
        var all = values.ToArray();
        var mean = all.Average();
        return new(mean, Math.Sqrt(all.Sum(v => (v - mean) * (v - mean)) / (all.Length - 1)), all.Length);
    }

    /// <summary>For people: <c>0.421 ± 0.008</c>.</summary>
    public override string ToString() => FormattableString.Invariant($"{Mean:0.000} ± {Deviation:0.000}");
}
