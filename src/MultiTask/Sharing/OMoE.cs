using MultiTask.Diagnostics;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace MultiTask.Sharing;

/// <summary>One-gate mixture of experts: all tasks share the experts and the gate that weighs them for each sample.</summary>
/// <remarks>
/// The baseline of Ma et al., <i>Modeling Task Relationships in Multi-task Learning with Multi-gate Mixture-of-Experts</i>
/// (KDD 2018), equation 5. All tasks have one representation, so gradients can be balanced there. The gate reads the inputs as
/// in <see cref="MMoE"/>.
/// </remarks>
public sealed class OMoE : Trunk
{
    private readonly Experts experts;
    private readonly nn.Module gate;
    private readonly Gate mixing;

    /// <summary>Experts, and one gate.</summary>
    /// <param name="experts">The number of experts, at least 1.</param>
    /// <param name="expert">Makes a new encoder on each call; all give outputs of one shape.</param>
    /// <param name="gate">
    /// Makes the gate from the number of experts n: an encoder of the inputs that gives n logits a sample, <c>[samples, n]</c>,
    /// or <c>[samples, places, n]</c> to weigh the experts at each place of a sequence. By default a linear map without bias.
    /// </param>
    /// <exception cref="ArgumentException">A module comes twice, or the gate's width cannot be told from the experts.</exception>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="experts"/> is less than 1.</exception>
    public OMoE(int experts, Func<Encoder> expert, Func<int, Encoder>? gate = null)
        : base(nameof(OMoE))
    {
        var modules = new FreshModules();
        this.experts = new(modules.Some(Arguments.AtLeastOne(experts, nameof(experts)), expert, nameof(expert)));
        mixing = new GateMaker(modules, gate).Next(0, experts, this.experts.First);
        this.gate = mixing.Module;
        RegisterComponents();
    }

    /// <inheritdoc/>
    public override IEnumerable<Parameter> SharedParameters() => parameters();

    /// <inheritdoc/>
    public override IEnumerable<Parameter> MixingParameters() => gate.parameters();

    /// <inheritdoc/>
    public override IReadOnlyList<Mixture> Mixtures(Inputs inputs) => MixtureRecord.Of(records => Run(inputs, records), []);

    /// <inheritdoc/>
    public override Representation forward(Inputs input) => Run(input, null);

    private Representation Run(Inputs input, List<MixtureRecord>? records)
    {
        var weights = mixing.Weights(input);
        MixtureRecord.Start(records, "gate", () => Experts.Names("experts", experts.Count))?.Add("all", weights);
        return new(new ExpertOutputs(experts.Encode(input)).Mix(weights));
    }
}
