using MultiTask.Diagnostics;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace MultiTask.Sharing;

/// <summary>
/// Sub-network routing: layers of parallel sub-networks, whose connections to each other and to the tasks are learned, and switched
/// off where they are not worth their cost.
/// </summary>
/// <remarks>
/// <para>
/// Ma et al., <i>SNR: Sub-Network Routing for Flexible Parameter Sharing in Multi-Task Learning</i> (AAAI 2019). What sub-network i
/// reads is Σⱼ zᵢⱼ Wᵢⱼ uⱼ over those below (SNR-Trans, with <c>connections</c>) or Σⱼ zᵢⱼ uⱼ (SNR-Aver, without). The z are hard
/// concrete: drawn once for each training pass, 0 or 1 with some probability; at evaluation they have one typical
/// value, and sub-networks that no task reads do not run.
/// </para>
/// <para>
/// <see cref="Penalty"/> is the expected number of connections that are on, times a strength: the paper's L0 term, which it tunes. The
/// constants of the distribution and its start are those of Louizos et al. (ICLR 2018), where the paper has it from.
/// Draws are torch's, as dropout's are.
/// </para>
/// </remarks>
public sealed class SNR : Trunk
{
    private readonly RoutedStacks stacks;
    private readonly Routes routes;
    private readonly double strength;

    /// <summary>Layers of sub-networks.</summary>
    /// <param name="tasks">The tasks' names.</param>
    /// <param name="width">The number of sub-networks in each layer, at least 1.</param>
    /// <param name="subnetworks">
    /// Makes a new stack of sub-networks on each call, one for each layer: <c>() => [Linear(13, 64), Linear(64, 64)]</c>.
    /// </param>
    /// <param name="connections">
    /// Makes a new stack of connections on each call, one out of each layer, to the next or to the tasks:
    /// <c>() => [Linear(64, 64, hasBias: false), Linear(64, 64, hasBias: false)]</c>. Without, SNR-Aver.
    /// </param>
    /// <param name="strength">What a connection costs, ≥ 0; 1e-4 by default, to be tuned.</param>
    /// <exception cref="ArgumentException">A module comes twice, or stacks differ in depth.</exception>
    /// <exception cref="ArgumentOutOfRangeException">A number is out of its range, or a stack is empty.</exception>
    public SNR(IEnumerable<string> tasks, int width, Func<IReadOnlyList<Encoder>> subnetworks, Func<IReadOnlyList<Encoder>>? connections = null, double strength = 1e-4)
        : base(nameof(SNR))
    {
        this.strength = Arguments.NonNegative(strength, nameof(strength));
        stacks = new(tasks, Arguments.AtLeastOne(width, nameof(width)), subnetworks, connections);
        var like = stacks.parameters().FirstOrDefault();
        routes = new(stacks, width, shape => HardConcrete.LogAlpha(shape, like));
        RegisterComponents();
    }

    /// <summary>Layers of sub-networks.</summary>
    /// <param name="tasks">The tasks.</param>
    /// <param name="width">The number of sub-networks in each layer, at least 1.</param>
    /// <param name="subnetworks">
    /// Makes a new stack of sub-networks on each call, one for each layer: <c>() => [Linear(13, 64), Linear(64, 64)]</c>.
    /// </param>
    /// <param name="connections">
    /// Makes a new stack of connections on each call, one out of each layer, to the next or to the tasks:
    /// <c>() => [Linear(64, 64, hasBias: false), Linear(64, 64, hasBias: false)]</c>. Without, SNR-Aver.
    /// </param>
    /// <param name="strength">What a connection costs, ≥ 0; 1e-4 by default, to be tuned.</param>
    /// <exception cref="ArgumentException">A module comes twice, or stacks differ in depth.</exception>
    /// <exception cref="ArgumentOutOfRangeException">A number is out of its range, or a stack is empty.</exception>
    public SNR(IEnumerable<LearningTask> tasks, int width, Func<IReadOnlyList<Encoder>> subnetworks, Func<IReadOnlyList<Encoder>>? connections = null, double strength = 1e-4)
        : this(tasks.Select(t => t.Name), width, subnetworks, connections, strength)
    {
    }

    /// <inheritdoc/>
    public override IReadOnlyCollection<string> Tasks => stacks.Tasks;

    /// <inheritdoc/>
    public override IEnumerable<Parameter> SharedParameters() =>
        parameters().ExceptBy(stacks.Tasks.SelectMany(TaskParameters).Select(p => p.Handle), p => p.Handle);

    /// <inheritdoc/>
    public override IEnumerable<Parameter> TaskParameters(string task) => stacks.Of(task).Append(routes.Of(task));

    /// <inheritdoc/>
    public override IEnumerable<Parameter> MixingParameters() => routes.All;

    /// <summary>Strength × the expected number of connections that are on; <c>null</c> if the strength is 0.</summary>
    public override Tensor? Penalty()
    {
        if (strength == 0)
        {
            return null;
        }

        using var scope = NewDisposeScope();
        return (routes.All.Select(a => HardConcrete.ProbabilityOn(a).sum()).Aggregate((sum, next) => sum + next) * strength).MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    public override IReadOnlyList<Mixture> Mixtures(Inputs inputs) => MixtureRecord.Of(records => Run(inputs, records), Tasks);

    /// <inheritdoc/>
    public override Representation forward(Inputs input) => Run(input, null);

    private Representation Run(Inputs input, List<MixtureRecord>? records) =>
        routes.Run(stacks, input, training ? HardConcrete.Sample : HardConcrete.Typical, prune: !training, records);
}
