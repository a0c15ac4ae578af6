using MultiTask.Diagnostics;
using TorchSharp.Modules;

namespace MultiTask.Sharing;

/// <summary>Customized gate control: each task has experts of its own beside the shared ones, and its gate weighs these and those.</summary>
/// <remarks>
/// <para>
/// Tang et al., <i>Progressive Layered Extraction (PLE): A Novel Multi-Task Learning Model for Personalized Recommendations</i>
/// (RecSys 2020), equations 1 to 3: gᵏ(x) = softmax(Wᵏ x) Sᵏ(x), where Sᵏ are the task's and the shared experts. The one-level
/// case of <see cref="PLE"/>.
/// </para>
/// <para>A task's own experts run only if the task is asked for.</para>
/// </remarks>
public sealed class CGC : Trunk
{
    private readonly Units units;
    private readonly UnitLevel extraction;

    /// <summary>Experts of each task, shared experts, and a gate for each task.</summary>
    /// <param name="tasks">The tasks' names.</param>
    /// <param name="experts">The number of each task's own experts, at least 1.</param>
    /// <param name="shared">The number of shared experts, at least 1.</param>
    /// <param name="expert">Makes a new encoder on each call; all give outputs of one shape.</param>
    /// <param name="gate">
    /// Makes a new gate on each call, from the number of experts n that it weighs: an encoder of the inputs that gives n logits
    /// a sample. By default a linear map without bias, as in <see cref="MMoE"/>.
    /// </param>
    /// <exception cref="ArgumentException">A module comes twice, or the gates' width cannot be told from the experts.</exception>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="experts"/> or <paramref name="shared"/> is less than 1.</exception>
    public CGC(IEnumerable<string> tasks, int experts, int shared, Func<Encoder> expert, Func<int, Encoder>? gate = null)
        : base(nameof(CGC))
    {
        ArgumentNullException.ThrowIfNull(expert);
        units = new(tasks, experts, Arguments.AtLeastOne(shared, nameof(shared)), () => [expert()], gate is null ? null : (_, n) => gate(n), fusesAll: false);
        extraction = units.Levels.Last;
        RegisterComponents();
    }

    /// <summary>Experts of each task, shared experts, and a gate for each task.</summary>
    /// <param name="tasks">The tasks.</param>
    /// <param name="experts">The number of each task's own experts, at least 1.</param>
    /// <param name="shared">The number of shared experts, at least 1.</param>
    /// <param name="expert">Makes a new encoder on each call; all give outputs of one shape.</param>
    /// <param name="gate">
    /// Makes a new gate on each call, from the number of experts n that it weighs: an encoder of the inputs that gives n logits
    /// a sample. By default a linear map without bias, as in <see cref="MMoE"/>.
    /// </param>
    /// <exception cref="ArgumentException">A module comes twice, or the gates' width cannot be told from the experts.</exception>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="experts"/> or <paramref name="shared"/> is less than 1.</exception>
    public CGC(IEnumerable<LearningTask> tasks, int experts, int shared, Func<Encoder> expert, Func<int, Encoder>? gate = null)
        : this(tasks.Select(t => t.Name), experts, shared, expert, gate)
    {
    }

    /// <inheritdoc/>
    public override IReadOnlyCollection<string> Tasks => units.Tasks;

    /// <inheritdoc/>
    public override IEnumerable<Parameter> SharedParameters() => units.Shared();

    /// <inheritdoc/>
    public override IEnumerable<Parameter> TaskParameters(string task) => units.Of(task);

    /// <inheritdoc/>
    public override IEnumerable<Parameter> MixingParameters() => units.Mixing();

    /// <inheritdoc/>
    public override IReadOnlyList<Mixture> Mixtures(Inputs inputs) => units.Mixtures(inputs, _ => "extraction");

    /// <inheritdoc/>
    public override Representation forward(Inputs input) => units.Run(input);
}
