using System.Globalization;
using MultiTask.Diagnostics;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace MultiTask.Sharing;

/// <summary>A stack of stages of which some are the tasks' own, a copy for each task or for each group of tasks, and the others shared.</summary>
/// <remarks>
/// <para>
/// Shi et al., <i>Recon: Reducing Conflicting Gradients from the Root for Multi-Task Learning</i> (ICLR 2023): the layers at which tasks are
/// in conflict most often (<see cref="LayerConflicts"/>), wherever they are, become task-specific, and the layers between stay shared.
/// A shared stage above an own one runs once for each way that leads to it, with the same weights; below the first own one it runs
/// once for all tasks. The copies of a stage start alike, so the trunk starts as <see cref="HardSharing"/>.
/// With no own stage it is <see cref="HardSharing"/>, with all of them own <see cref="SingleTask"/> (or <see cref="SoftSharing"/> without a
/// penalty, whose towers start alike, too).
/// </para>
/// <para>
/// The paper trains the new network from the start; that is the constructor. <see cref="Split"/> goes on with what was learned instead: a new
/// trunk that gives the same outputs. Groups of tasks are ours; the paper has a copy for each task.
/// </para>
/// </remarks>
public sealed class Branched : Trunk
{
    private readonly string[] tasks;
    private readonly Func<IReadOnlyList<Encoder>> make;
    private readonly string[][]?[] groups;
    private readonly Branch[][] branches;
    private readonly TaskMap<Branch>[] taken;
    private readonly TaskMap<string>[] ways;
    private readonly TaskModules stages;

    /// <summary>A stack with own stages.</summary>
    /// <param name="tasks">The tasks' names.</param>
    /// <param name="stages">Makes a new stack of stages on each call, of the same modules. It is asked for as many as there are copies, and again by <see cref="Split"/>.</param>
    /// <param name="own">The numbers of the stages that are not shared, from 0; none for hard sharing.</param>
    /// <param name="groups">Tasks that share a copy of an own stage, each task in one group; by default each task has a copy.</param>
    /// <exception cref="ArgumentException">A module comes twice, stacks differ, or a task is not in one group.</exception>
    /// <exception cref="ArgumentOutOfRangeException">There is no stage, or none of such a number.</exception>
    public Branched(IEnumerable<string> tasks, Func<IReadOnlyList<Encoder>> stages, IEnumerable<int> own, IEnumerable<IEnumerable<string>>? groups = null)
        : this([.. tasks], stages, (names, count) => Divided(new string[count][][], names, own, groups))
    {
    }

    /// <summary>A stack with own stages.</summary>
    /// <param name="tasks">The tasks.</param>
    /// <param name="stages">Makes a new stack of stages on each call, of the same modules. It is asked for as many as there are copies, and again by <see cref="Split"/>.</param>
    /// <param name="own">The numbers of the stages that are not shared, from 0; none for hard sharing.</param>
    /// <param name="groups">Tasks that share a copy of an own stage, each task in one group; by default each task has a copy.</param>
    /// <exception cref="ArgumentException">A module comes twice, stacks differ, or a task is not in one group.</exception>
    /// <exception cref="ArgumentOutOfRangeException">There is no stage, or none of such a number.</exception>
    public Branched(IEnumerable<LearningTask> tasks, Func<IReadOnlyList<Encoder>> stages, IEnumerable<int> own, IEnumerable<IEnumerable<string>>? groups = null)
        : this(tasks.Select(t => t.Name), stages, own, groups)
    {
    }

    private Branched(string[] tasks, Func<IReadOnlyList<Encoder>> make, Func<string[], int, string[][]?[]> divide)
        : base(nameof(Branched))
    {
        if (TaskNames.Index(tasks).Count == 0)
        {
            throw new ArgumentException("`tasks` should have at least one. Found none.", nameof(tasks));
        }

        var modules = new FreshModules();
        var first = modules.Stacks(1, make, nameof(stages))[0];
        (this.tasks, this.make, groups) = (tasks, make, divide(tasks, first.Length));
        Encoder[][] stacks = [first, .. modules.Stacks(groups.Max(g => g?.Length ?? 1) - 1, make, nameof(stages), first.Length)];
        branches = [.. groups.Select((g, l) => (g ?? [tasks]).Select((group, i) => new Branch(group, stacks[i][l])).ToArray())];
        taken = [.. branches.Select(stage => TaskMap.Create(tasks.Select(task => (task, stage.First(b => b.Tasks.Contains(task))))))];
        ways = [.. taken.Select((_, l) => TaskMap.Create(tasks.Select(task => (task, tasks.First(other => SameWay(other, task, l))))))];
        StartAlike();
        DisposeOthers(stacks);
        stages = new(branches.Select((stage, l) => (Experts.Key(l), groups[l] is null ? stage[0].Encoder.Module : new TaskModules(stage.Select(b => (b.Name, b.Encoder.Module))))));
        RegisterComponents();
    }

    /// <inheritdoc/>
    public override IReadOnlyCollection<string> Tasks => tasks;

    /// <summary>For each stage the groups of tasks that have a copy of it; of a shared stage one group of all.</summary>
    public IReadOnlyList<IReadOnlyList<IReadOnlyList<string>>> Groups => [.. branches.Select(stage => stage.Select(b => b.Tasks).ToArray())];

    /// <summary>The shared stages, and the copies that several tasks take.</summary>
    public override IEnumerable<Parameter> SharedParameters() =>
        branches.SelectMany((stage, l) => stage.Where(b => groups[l] is null || b.Tasks.Count > 1)).SelectMany(b => b.Encoder.Module.parameters());

    /// <summary>The copies that only this task takes.</summary>
    /// <param name="task">The task's name.</param>
    public override IEnumerable<Parameter> TaskParameters(string task) =>
        taken.Select(stage => stage[task]).Where((b, l) => groups[l] is not null && b.Tasks.Count == 1).SelectMany(b => b.Encoder.Module.parameters());

    /// <summary>The number of the stage that a layer is in.</summary>
    /// <param name="layer">The layer's path in the model or in the trunk: <c>trunk.stages.1.0</c>, <c>stages.1.0</c>, as <see cref="LayerConflict.Name"/>.</param>
    /// <exception cref="ArgumentException">It is in no stage of this trunk.</exception>
    public int StageOf(string layer)
    {
        ArgumentNullException.ThrowIfNull(layer);
        var path = layer.Split('.').AsSpan();
        path = path is ["trunk", ..] ? path[1..] : path;
        return path is ["stages", var number, ..] && int.TryParse(number, NumberStyles.None, CultureInfo.InvariantCulture, out var stage) && stage < branches.Length
            ? stage
            : throw new ArgumentException($"`{nameof(layer)}` should be in one of the stages from 'trunk.stages.0' to 'trunk.stages.{branches.Length - 1}'. Found '{layer}'.", nameof(layer));
    }

    /// <summary>A new trunk with the same weights, in which more stages are the tasks' own. At first it gives the same outputs.</summary>
    /// <remarks>
    /// This trunk stays as it is. The new one has new parameters, so it needs a new model and a new trainer (or optimizer):
    /// <c>new MultiTaskModel(split, model.Tasks.Values)</c> goes on with the heads, too, which are then in both models. New modules are made,
    /// which draws from torch's random numbers.
    /// </remarks>
    /// <param name="own">The numbers of the stages to split, from 0, in any order, also several times.</param>
    /// <param name="groups">Tasks that stay together in these stages, each task in one group; by default none do. What was apart before stays apart.</param>
    /// <exception cref="ArgumentException">A task is not in one group, or the stages are not made as they were.</exception>
    /// <exception cref="ArgumentOutOfRangeException">There is no stage of such a number.</exception>
    public Branched Split(IEnumerable<int> own, IEnumerable<IEnumerable<string>>? groups = null)
    {
        var split = new Branched(tasks, make, (names, _) => Divided(this.groups, names, own, groups));
        split.train(training); // modes of modules within the stages follow with the copies
        foreach (var (stage, from) in split.branches.Zip(taken))
        {
            foreach (var branch in stage)
            {
                ModuleCopy.Copy(from[branch.Tasks[0]].Encoder.Module, branch.Encoder.Module);
            }
        }

        return split;
    }

    /// <inheritdoc/>
    public override Representation forward(Inputs input)
    {
        var known = new Dictionary<(int Stage, string Way), Tensor>();
        var last = branches.Length - 1;
        return ways[last].Values.All(way => way == tasks[0]) ? new(Features(last, tasks[0])) : new(task => Features(last, task));

        Tensor Features(int stage, string task)
        {
            var way = (stage, ways[stage][task]);
            if (!known.TryGetValue(way, out var h))
            {
                known[way] = h = taken[stage][task].Encoder.Encode(stage == 0 ? input : Features(stage - 1, task));
            }

            return h;
        }
    }

    private static string[][]?[] Divided(IEnumerable<string[][]?> before, string[] tasks, IEnumerable<int> own, IEnumerable<IEnumerable<string>>? groups)
    {
        ArgumentNullException.ThrowIfNull(own);
        var division = TaskGroups.Checked(tasks, groups);
        string[][]?[] after = [.. before];
        foreach (var stage in own)
        {
            if (stage < 0 || stage >= after.Length)
            {
                throw new ArgumentOutOfRangeException(nameof(own), $"`{nameof(own)}` should be numbers of stages, from 0 to {after.Length - 1}. Found {stage}.");
            }

            after[stage] = TaskGroups.Meet(after[stage] ?? [tasks], division);
        }

        return after;
    }

    /// <summary>Whether two tasks take the same branches up to a stage.</summary>
    private bool SameWay(string task, string other, int stage) => taken.Take(stage + 1).All(s => s[task] == s[other]);

    private void StartAlike()
    {
        foreach (var stage in branches)
        {
            foreach (var branch in stage.Skip(1))
            {
                ModuleCopy.Copy(stage[0].Encoder.Module, branch.Encoder.Module);
            }
        }
    }

    /// <summary>Of the stacks that were made, the stages that nobody takes.</summary>
    private void DisposeOthers(Encoder[][] stacks)
    {
        foreach (var (l, stage) in branches.Index())
        {
            foreach (var stack in stacks.Skip(stage.Length))
            {
                stack[l].Module.Dispose();
            }
        }
    }
}
