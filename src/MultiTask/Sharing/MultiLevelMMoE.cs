using MultiTask.Diagnostics;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace MultiTask.Sharing;

/// <summary>
/// Multi-gate mixture of experts at several levels: each expert of a level reads a mixture of its own of the experts of the
/// level below, and each task one of the last level's.
/// </summary>
/// <remarks>
/// The extension of <see cref="MMoE"/> that Li et al., <i>AdaTT</i> (KDD 2023) compare with, as in their code: every gate reads
/// the inputs, at every level; theirs have a bias, ours, like MMoE's, none. With one level this is <see cref="MMoE"/>.
/// </remarks>
public sealed class MultiLevelMMoE : Trunk
{
    private readonly Numbered<Experts> levels;
    private readonly Numbered<Gates> between;
    private readonly Gates gates;

    /// <summary>Levels of experts, and a gate for each expert above the first level and for each task.</summary>
    /// <param name="tasks">The tasks' names.</param>
    /// <param name="experts">The number of experts at each level, at least 1.</param>
    /// <param name="expert">
    /// Makes a new stack of encoders on each call, one for each level: <c>() => [Linear(13, 64), Linear(64, 64)]</c>. The outputs
    /// of a level are of one shape.
    /// </param>
    /// <param name="gate">
    /// Makes a new gate on each call, from the number of experts n: an encoder of the inputs that gives n logits a sample. By
    /// default a linear map without bias, as in <see cref="MMoE"/>.
    /// </param>
    /// <exception cref="ArgumentException">A module comes twice, the stacks differ in depth, or the gates' width cannot be told from the experts.</exception>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="experts"/> is less than 1, or a stack is empty.</exception>
    public MultiLevelMMoE(IEnumerable<string> tasks, int experts, Func<IReadOnlyList<Encoder>> expert, Func<int, Encoder>? gate = null)
        : base(nameof(MultiLevelMMoE))
    {
        ArgumentNullException.ThrowIfNull(tasks);
        var modules = new FreshModules();
        var stacks = modules.Stacks(Arguments.AtLeastOne(experts, nameof(experts)), expert, nameof(expert));
        var make = new GateMaker(modules, gate);
        levels = new(stacks[0].Select((_, level) => new Experts(stacks.Select(s => s[level]))));
        between = new(stacks[0].Skip(1).Select((_, below) => new Gates(stacks.Select((_, i) => Experts.Key(i)), () => make.Next(below, experts, stacks[0][0]))));
        gates = new(tasks, () => make.Next(stacks[0].Length - 1, experts, stacks[0][0]));
        RegisterComponents();
    }

    /// <summary>Levels of experts, and a gate for each expert above the first level and for each task.</summary>
    /// <param name="tasks">The tasks.</param>
    /// <param name="experts">The number of experts at each level, at least 1.</param>
    /// <param name="expert">
    /// Makes a new stack of encoders on each call, one for each level: <c>() => [Linear(13, 64), Linear(64, 64)]</c>. The outputs
    /// of a level are of one shape.
    /// </param>
    /// <param name="gate">
    /// Makes a new gate on each call, from the number of experts n: an encoder of the inputs that gives n logits a sample. By
    /// default a linear map without bias, as in <see cref="MMoE"/>.
    /// </param>
    /// <exception cref="ArgumentException">A module comes twice, the stacks differ in depth, or the gates' width cannot be told from the experts.</exception>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="experts"/> is less than 1, or a stack is empty.</exception>
    public MultiLevelMMoE(IEnumerable<LearningTask> tasks, int experts, Func<IReadOnlyList<Encoder>> expert, Func<int, Encoder>? gate = null)
        : this(tasks.Select(t => t.Name), experts, expert, gate)
    {
    }

    /// <inheritdoc/>
    public override IReadOnlyCollection<string> Tasks => gates.Names;

    /// <inheritdoc/>
    public override IEnumerable<Parameter> SharedParameters() => levels.parameters().Concat(between.parameters());

    /// <inheritdoc/>
    public override IEnumerable<Parameter> TaskParameters(string task) => gates.Of(task);

    /// <inheritdoc/>
    public override IEnumerable<Parameter> MixingParameters() => between.parameters().Concat(gates.parameters());

    /// <inheritdoc/>
    public override IReadOnlyList<Mixture> Mixtures(Inputs inputs) => MixtureRecord.Of(records => Run(inputs, records), Tasks);

    /// <inheritdoc/>
    public override Representation forward(Inputs input) => Run(input, null);

    private Representation Run(Inputs input, List<MixtureRecord>? records)
    {
        var outputs = new ExpertOutputs(levels.All[0].Encode(input));
        for (var i = 0; i < between.All.Count; i++)
        {
            outputs = Next(i, outputs);
        }

        var record = Record("gates", between.All.Count);
        return new(task => Mixed(gates, task, task, outputs, record));

        ExpertOutputs Next(int below, ExpertOutputs under)
        {
            var (to, row) = (levels.All[below + 1], Record($"between.{Experts.Key(below)}", below));
            return new(Enumerable.Range(0, to.Count)
                .Select(i => to.Encode(i, Mixed(between.All[below], Experts.Key(i), Name(below + 1, i), under, row))));
        }

        MixtureRecord? Record(string name, int level) =>
            MixtureRecord.Start(records, name, () => Enumerable.Range(0, levels.All[level].Count).Select(i => Name(level, i)));

        Tensor Mixed(Gates from, string gate, string row, ExpertOutputs of, MixtureRecord? to)
        {
            var weights = from.For(gate).Weights(input);
            to?.Add(row, weights);
            return of.Mix(weights);
        }

        static string Name(int level, int expert) => $"levels.{Experts.Key(level)}.{Experts.Key(expert)}";
    }
}
