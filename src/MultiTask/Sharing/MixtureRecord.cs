using MultiTask.Numerics;
using static TorchSharp.torch;

namespace MultiTask.Sharing;

/// <summary>Takes down the weights of one layer's parts while the trunk runs.</summary>
/// <param name="name">The layer.</param>
/// <param name="columns">The parts.</param>
internal sealed class MixtureRecord(string name, IReadOnlyList<string> columns)
{
    private readonly List<(string Row, double[] Values)> rows = [];

    /// <summary>A record of a layer, if there is to be one.</summary>
    public static MixtureRecord? Start(List<MixtureRecord>? records, string name, Func<IEnumerable<string>> columns)
    {
        if (records is null)
        {
            return null;
        }

        records.Add(new(name, [.. columns()]));
        return records[^1];
    }

    /// <summary>Takes down one row.</summary>
    /// <param name="row">What takes.</param>
    /// <param name="weights">The weights, of shape <c>[…, parts]</c>: averaged over all dimensions but the last.</param>
    /// <param name="at">The columns that the weights are of; all by default. The others are 0.</param>
    public void Add(string row, Tensor weights, IEnumerable<int>? at = null)
    {
        using var scope = NewDisposeScope();
        var means = HostValues.Of(weights.detach().reshape(-1, weights.shape[^1]).mean([0L]));
        var values = new double[columns.Count];
        foreach (var (column, mean) in (at ?? Enumerable.Range(0, columns.Count)).Zip(means))
        {
            values[column] = mean;
        }

        rows.Add((row, values));
    }

    public Mixture ToMixture()
    {
        var values = new double[rows.Count, columns.Count];
        for (var i = 0; i < rows.Count; i++)
        {
            for (var j = 0; j < columns.Count; j++)
            {
                values[i, j] = rows[i].Values[j];
            }
        }

        return new(name, [.. rows.Select(r => r.Row)], columns, values);
    }

    /// <summary>Runs a trunk without gradients, for what it takes down.</summary>
    public static IReadOnlyList<Mixture> Of(Func<List<MixtureRecord>, Representation> run, IEnumerable<string> tasks)
    {
        using var off = no_grad();
        using var scope = NewDisposeScope();
        var records = new List<MixtureRecord>();
        var representation = run(records);
        foreach (var task in tasks)
        {
            representation.For(task);
        }

        return [.. records.Select(r => r.ToMixture())];
    }
}
