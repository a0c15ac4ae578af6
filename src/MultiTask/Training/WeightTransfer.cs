namespace MultiTask.Training;

/// <summary>What became of each weight when a module took over those of another: see <see cref="ModuleWeights.TakeWeights"/>.</summary>
/// <remarks>
/// Each weight of the module that took is in one of <see cref="Taken"/>, <see cref="Fresh"/> and <see cref="Reshaped"/>; each of the
/// other module is in <see cref="Left"/>, or became one that is <see cref="Taken"/> or <see cref="Reshaped"/>.
/// </remarks>
public sealed class WeightTransfer
{
    private const int Listed = 10;
    private readonly IReadOnlyDictionary<string, string> shapes;

    internal WeightTransfer(IReadOnlyList<string> taken, IReadOnlyList<string> fresh, IReadOnlyList<string> left, IReadOnlyDictionary<string, string> reshaped)
    {
        (Taken, Fresh, Left, Reshaped) = (taken, fresh, left, [.. reshaped.Keys]);
        shapes = reshaped;
    }

    /// <summary>The names of those that have the other's values now.</summary>
    public IReadOnlyList<string> Taken { get; }

    /// <summary>The names of those that the other module lacks; they are as they were.</summary>
    public IReadOnlyList<string> Fresh { get; }

    /// <summary>The names, in the other module, of those that nothing was made of.</summary>
    public IReadOnlyList<string> Left { get; }

    /// <summary>
    /// The names of those that both have, in different shapes, or with entries for other tasks
    /// (<see cref="Trunk.MixesInOrderOfTasks"/>); they are as they were.
    /// </summary>
    public IReadOnlyList<string> Reshaped { get; }

    /// <summary>A line for each of the four lists.</summary>
    public override string ToString() => string.Join(
        Environment.NewLine,
        Line("taken", Taken),
        Line("fresh", Fresh),
        Line("left", Left),
        Line("reshaped", [.. shapes.Select(s => $"{s.Key} {s.Value}")]));

    private static string Line(string what, IReadOnlyList<string> names)
    {
        var more = names.Count > Listed ? $", and {names.Count - Listed} more" : string.Empty;
        return names.Count == 0 ? $"{what}: none" : $"{what}: {names.Count} ({string.Join(", ", names.Take(Listed))}{more})";
    }
}
