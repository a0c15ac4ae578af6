namespace MultiTask.Balancing;

/// <summary>The orders in which a task meets the others.</summary>
internal static class Orders
{
    /// <summary>All but task i, in random order.</summary>
    public static int[] Shuffled(Random random, int count, int i)
    {
        var others = Enumerable.Range(0, count).Where(j => j != i).ToArray();
        random.Shuffle(others);
        return others;
    }
}
