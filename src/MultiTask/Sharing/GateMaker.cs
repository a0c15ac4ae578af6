namespace MultiTask.Sharing;

/// <summary>Makes gates: the user's, or else linear ones.</summary>
/// <param name="modules">Takes note of the user's modules.</param>
/// <param name="make">The user's function, from the level and the number of experts; or <c>null</c>.</param>
internal sealed class GateMaker(FreshModules modules, Func<int, int, Encoder>? make)
{
    public GateMaker(FreshModules modules, Func<int, Encoder>? make)
        : this(modules, make is null ? null : (_, experts) => make(experts))
    {
    }

    /// <summary>A gate for experts.</summary>
    /// <param name="level">The level it stands at, from 0.</param>
    /// <param name="experts">How many experts it weighs.</param>
    /// <param name="reader">An expert that reads what the gate reads.</param>
    public Gate Next(int level, int experts, Encoder reader) =>
        new(make is null ? LinearGate.For(reader, experts) : modules.Checked(make(level, experts), "gate"), experts);
}
