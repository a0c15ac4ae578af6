namespace MultiTask.Sharing;

/// <summary>How mixing weights start: much of the task's own features, and the rest in equal parts of the others.</summary>
internal static class OwnShare
{
    public static void Check(double share, string argument = "own")
    {
        if (!(share >= 0 && share <= 1))
        {
            throw new ArgumentOutOfRangeException(argument, $"`{argument}` should be from 0 to 1. Found {share}.");
        }
    }

    /// <summary>A task's weight of each of some parts; they sum to 1. One part alone has all.</summary>
    public static double[] Row(IReadOnlyList<string> parts, string ownPart, double own) =>
        [.. parts.Select(part => parts.Count == 1 ? 1 : part == ownPart ? own : (1 - own) / (parts.Count - 1))];
}
