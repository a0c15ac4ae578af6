using MultiTask.Diagnostics;
using TorchSharp.Modules;

namespace MultiTask.Sharing;

/// <summary>Levels of units one after the other: PLE, with one level CGC, and AdaTT.</summary>
internal sealed class Units
{
    private readonly string[] tasks;
    private readonly bool fusesAll;

    /// <summary>Levels of units.</summary>
    /// <param name="tasks">The tasks' names.</param>
    /// <param name="experts">The number of a task's own experts at each level, at least 1.</param>
    /// <param name="shared">The number of shared experts at each level; 0 for no shared unit.</param>
    /// <param name="expert">Makes stacks of experts.</param>
    /// <param name="gate">Makes gates, from the level and the number of experts; or <c>null</c>.</param>
    /// <param name="fusesAll">Whether tasks weigh each other's experts, and add their own: AdaTT.</param>
    public Units(IEnumerable<string> tasks, int experts, int shared, Func<IReadOnlyList<Encoder>> expert, Func<int, int, Encoder>? gate, bool fusesAll)
    {
        ArgumentNullException.ThrowIfNull(tasks);
        this.fusesAll = fusesAll;
        Arguments.AtLeastOne(experts, nameof(experts));
        var modules = new FreshModules();
        var own = TaskMap.Create(tasks.Select(task => (task, modules.Stacks(experts, expert, nameof(expert)))));
        this.tasks = own.Count > 0 ? [.. own.Tasks] : throw new ArgumentException("`tasks` should have at least one. Found none.", nameof(tasks));
        var depth = own.Values[0][0].Length;
        Encoder[][][] units = [.. own.Values, modules.Stacks(shared, expert, nameof(expert), depth)];
        if (units.SelectMany(stacks => stacks).FirstOrDefault(s => s.Length != depth) is { } other)
        {
            throw new ArgumentException($"`{nameof(expert)}` should make {depth} layers on each call. It made {other.Length}.", nameof(expert));
        }

        var make = new GateMaker(modules, gate);
        Levels = new(Enumerable.Range(0, depth).Select(level => new UnitLevel(
            own.Map((_, stacks) => stacks.Select(s => s[level]).ToArray()),
            [.. units[^1].Select(s => s[level])],
            (count, reader) => make.Next(level, count, reader),
            last: level == depth - 1,
            fusesAll,
            hasNative: fusesAll)));
    }

    public Numbered<UnitLevel> Levels { get; }

    public IReadOnlyList<string> Tasks => tasks;

    /// <summary>
    /// What only one task reads. At the last level that is its gate, and its experts if nobody else weighs them; and then the
    /// gate that these read from, too.
    /// </summary>
    public IEnumerable<Parameter> Of(string task)
    {
        var last = Levels.Last;
        if (fusesAll)
        {
            return last.MixingOf(task);
        }

        var below = Levels.All.Count > 1 ? Levels.All[^2].MixingOf(task) : [];
        return below.Concat(last.ExpertsOf(task)).Concat(last.MixingOf(task));
    }

    public IEnumerable<Parameter> Shared() =>
        Levels.parameters().ExceptBy(tasks.SelectMany(Of).Select(p => p.Handle), p => p.Handle);

    public IEnumerable<Parameter> Mixing() => Levels.All.SelectMany(level => level.Mixing());

    public IReadOnlyList<Mixture> Mixtures(Inputs inputs, Func<int, string> name) => MixtureRecord.Of(records => Run(inputs, records, name), tasks);

    public Representation Run(Inputs input, List<MixtureRecord>? records = null, Func<int, string>? name = null)
    {
        var (own, shared) = ((Func<string, Inputs>)(_ => input), input);
        for (var i = 0; i < Levels.All.Count - 1; i++)
        {
            (own, shared) = Levels.All[i].Extract(own, shared, Record(i));
        }

        return Levels.Last.Represent(own, shared, Record(Levels.All.Count - 1));

        MixtureRecord? Record(int level) => MixtureRecord.Start(records, name?.Invoke(level) ?? "", Levels.All[level].Names);
    }
}
