namespace MultiTask.Data;

/// <summary>
/// Deals whole groups out in a random order, each to the part that lacks most rows. The order is random, not by size, so
/// that large groups are not all trained on.
/// </summary>
internal sealed class GroupSplitter(int[] keys, int seed) : Splitter
{
    protected override int[] Divide(int count, IReadOnlyList<double> fractions)
    {
        Keys.Check(keys, count);
        var part = new int[count];
        var dealt = new int[fractions.Count];
        var groups = Keys.Rows(keys);
        new RandomStream(seed, 0).Shuffle<int[]>(groups);
        foreach (var rows in groups)
        {
            var chosen = Quota.MostBehind(fractions, dealt, count);
            dealt[chosen] += rows.Length;
            foreach (var row in rows)
            {
                part[row] = chosen;
            }
        }

        return part;
    }
}
