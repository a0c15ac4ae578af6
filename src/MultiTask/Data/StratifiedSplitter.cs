namespace MultiTask.Data;

/// <summary>
/// Deals rows out stratum by stratum, each row to the part that lacks most of its share so far. Any run of rows, and so any
/// stratum, is thereby spread over the parts in proportion, and the totals are right to within one row. Without keys all
/// rows are one stratum.
/// </summary>
internal sealed class StratifiedSplitter(int[]? keys, int seed) : Splitter
{
    protected override int[] Divide(int count, IReadOnlyList<double> fractions)
    {
        var part = new int[count];
        var dealt = new int[fractions.Count];
        var total = 0;
        foreach (var row in Order(count))
        {
            total++;
            part[row] = Quota.MostBehind(fractions, dealt, total);
            dealt[part[row]]++;
        }

        return part;
    }

    private IEnumerable<int> Order(int count)
    {
        Keys.Check(keys ?? new int[count], count);
        var random = new RandomStream(seed, 0);
        var strata = Keys.Rows(keys ?? new int[count]);
        random.Shuffle<int[]>(strata);
        foreach (var rows in strata)
        {
            random.Shuffle<int>(rows);
        }

        return strata.SelectMany(rows => rows);
    }
}
