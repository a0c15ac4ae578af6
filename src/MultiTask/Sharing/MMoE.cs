using MultiTask.Diagnostics;
using TorchSharp.Modules;

namespace MultiTask.Sharing;

/// <summary>Multi-gate mixture of experts: all tasks share the experts, and each task's own gate weighs them for each sample.</summary>
/// <remarks>
/// <para>
/// Ma et al., <i>Modeling Task Relationships in Multi-task Learning with Multi-gate Mixture-of-Experts</i> (KDD 2018),
/// equations 6 and 7: fᵏ(x) = Σᵢ gᵏ(x)ᵢ fᵢ(x) with gᵏ(x) = softmax(Wᵏ x).
/// </para>
/// <para>
/// The gate reads the inputs. By default it is the paper's linear map without bias, of the inputs flattened: its width is
/// told by experts that read one tensor and begin with a <c>Linear</c>. For others (convolutions, token ids, several
/// tensors) give <c>gate</c>.
/// </para>
/// <para>With one expert this is <see cref="HardSharing"/>; with one gate for all tasks, <see cref="OMoE"/>.</para>
/// </remarks>
public sealed class MMoE : Trunk
{
    private readonly Experts experts;
    private readonly Gates gates;

    /// <summary>Experts, and a gate for each task.</summary>
    /// <param name="tasks">The tasks' names.</param>
    /// <param name="experts">The number of experts, at least 1; the paper uses 8.</param>
    /// <param name="expert">Makes a new encoder on each call; all give outputs of one shape.</param>
    /// <param name="gate">
    /// Makes a new gate on each call, from the number of experts n: an encoder of the inputs that gives n logits a sample,
    /// <c>[samples, n]</c>, or <c>[samples, places, n]</c> to weigh the experts at each place of a sequence. Such as
    /// <c>n => Sequential(Flatten(), Linear(784, n))</c>.
    /// </param>
    /// <exception cref="ArgumentException">A module comes twice, or the gates' width cannot be told from the experts.</exception>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="experts"/> is less than 1.</exception>
    public MMoE(IEnumerable<string> tasks, int experts, Func<Encoder> expert, Func<int, Encoder>? gate = null)
        : base(nameof(MMoE))
    {
        ArgumentNullException.ThrowIfNull(tasks);
        var modules = new FreshModules();
        this.experts = new(modules.Some(Arguments.AtLeastOne(experts, nameof(experts)), expert, nameof(expert)));
        var make = new GateMaker(modules, gate);
        gates = new(tasks, () => make.Next(0, experts, this.experts.First));
        RegisterComponents();
    }

    /// <summary>Experts, and a gate for each task.</summary>
    /// <param name="tasks">The tasks.</param>
    /// <param name="experts">The number of experts, at least 1; the paper uses 8.</param>
    /// <param name="expert">Makes a new encoder on each call; all give outputs of one shape.</param>
    /// <param name="gate">
    /// Makes a new gate on each call, from the number of experts n: an encoder of the inputs that gives n logits a sample,
    /// <c>[samples, n]</c>, or <c>[samples, places, n]</c> to weigh the experts at each place of a sequence. Such as
    /// <c>n => Sequential(Flatten(), Linear(784, n))</c>.
    /// </param>
    /// <exception cref="ArgumentException">A module comes twice, or the gates' width cannot be told from the experts.</exception>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="experts"/> is less than 1.</exception>
    public MMoE(IEnumerable<LearningTask> tasks, int experts, Func<Encoder> expert, Func<int, Encoder>? gate = null)
        : this(tasks.Select(t => t.Name), experts, expert, gate)
    {
    }

    /// <inheritdoc/>
    public override IReadOnlyCollection<string> Tasks => gates.Names;

    /// <inheritdoc/>
    public override IEnumerable<Parameter> SharedParameters() => experts.parameters();

    /// <inheritdoc/>
    public override IEnumerable<Parameter> TaskParameters(string task) => gates.Of(task);

    /// <inheritdoc/>
    public override IEnumerable<Parameter> MixingParameters() => gates.parameters();

    /// <inheritdoc/>
    public override IReadOnlyList<Mixture> Mixtures(Inputs inputs) => MixtureRecord.Of(records => Run(inputs, records), Tasks);

    /// <inheritdoc/>
    public override Representation forward(Inputs input) => Run(input, null);

    private Representation Run(Inputs input, List<MixtureRecord>? records)
    {
        var outputs = new ExpertOutputs(experts.Encode(input));
        var record = MixtureRecord.Start(records, "gates", () => Experts.Names("experts", experts.Count));
        return new(task =>
        {
            var weights = gates.For(task).Weights(input);
            record?.Add(task, weights);
            return outputs.Mix(weights);
        });
    }
}
