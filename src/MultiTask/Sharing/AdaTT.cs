using MultiTask.Diagnostics;
using TorchSharp.Modules;

namespace MultiTask.Sharing;

/// <summary>Adaptive task-to-task fusion: at each level a task's gate weighs the experts of all tasks, and the task's own experts are added.</summary>
/// <remarks>
/// <para>
/// Li et al., <i>AdaTT: Adaptive Task-to-Task Fusion Network for Multitask Learning in Recommendations</i> (KDD 2023): the output
/// of task t at a level is softmax(W x) E + vᵀ Eₜ, where E are the outputs of all experts, Eₜ those of its own, and x is what
/// the task's unit reads: its output of the level below. The residual vᵀ Eₜ is, the authors say, crucial: learned
/// weights, uniform in ±1/√m at first, or the expert itself where a unit has one.
/// </para>
/// <para>
/// Without shared experts (the default) this is AdaTT-sp. With them it is the general AdaTT: a shared unit that fuses all
/// experts likewise at all levels but the last, and whose experts all tasks weigh. The authors' code for the general form learns v
/// also for units of one expert, if another unit has more, and has gates with a bias; we follow the paper.
/// </para>
/// </remarks>
public sealed class AdaTT : Trunk
{
    private readonly Units units;
    private readonly Numbered<UnitLevel> levels;

    /// <summary>Levels of experts of each task, perhaps of shared ones, and gates over all of them.</summary>
    /// <param name="tasks">The tasks' names.</param>
    /// <param name="experts">The number of each task's own experts at each level, at least 1.</param>
    /// <param name="expert">
    /// Makes a new stack of encoders on each call, one for each level: <c>() => [Linear(13, 64), Linear(64, 64)]</c>. The outputs
    /// of a level are of one shape.
    /// </param>
    /// <param name="shared">The number of shared experts at each level; 0, the default, is AdaTT-sp.</param>
    /// <param name="gate">
    /// Makes a new gate on each call, from the level (from 0) and the number of experts n that it weighs: an encoder of what
    /// the unit reads at that level, which gives n logits a sample. By default a linear map without bias, where the experts of
    /// the level read one tensor and begin with a <c>Linear</c>. Such as <c>(level, n) => Linear(level == 0 ? 13 : 64, n)</c>.
    /// </param>
    /// <exception cref="ArgumentException">A module comes twice, the stacks differ in depth, or the gates' width cannot be told from the experts.</exception>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="experts"/> is less than 1, <paramref name="shared"/> is negative, or a stack is empty.</exception>
    public AdaTT(IEnumerable<string> tasks, int experts, Func<IReadOnlyList<Encoder>> expert, int shared = 0, Func<int, int, Encoder>? gate = null)
        : base(nameof(AdaTT))
    {
        units = new(tasks, experts, Arguments.NonNegative(shared, nameof(shared)), expert, gate, fusesAll: true);
        levels = units.Levels;
        RegisterComponents();
    }

    /// <summary>Levels of experts of each task, perhaps of shared ones, and gates over all of them.</summary>
    /// <param name="tasks">The tasks.</param>
    /// <param name="experts">The number of each task's own experts at each level, at least 1.</param>
    /// <param name="expert">
    /// Makes a new stack of encoders on each call, one for each level: <c>() => [Linear(13, 64), Linear(64, 64)]</c>. The outputs
    /// of a level are of one shape.
    /// </param>
    /// <param name="shared">The number of shared experts at each level; 0, the default, is AdaTT-sp.</param>
    /// <param name="gate">
    /// Makes a new gate on each call, from the level (from 0) and the number of experts n that it weighs: an encoder of what
    /// the unit reads at that level, which gives n logits a sample. By default a linear map without bias, where the experts of
    /// the level read one tensor and begin with a <c>Linear</c>. Such as <c>(level, n) => Linear(level == 0 ? 13 : 64, n)</c>.
    /// </param>
    /// <exception cref="ArgumentException">A module comes twice, the stacks differ in depth, or the gates' width cannot be told from the experts.</exception>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="experts"/> is less than 1, <paramref name="shared"/> is negative, or a stack is empty.</exception>
    public AdaTT(IEnumerable<LearningTask> tasks, int experts, Func<IReadOnlyList<Encoder>> expert, int shared = 0, Func<int, int, Encoder>? gate = null)
        : this(tasks.Select(t => t.Name), experts, expert, shared, gate)
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
    public override bool MixesInOrderOfTasks => true;

    /// <inheritdoc/>
    public override IReadOnlyList<Mixture> Mixtures(Inputs inputs) => units.Mixtures(inputs, level => $"levels.{Experts.Key(level)}");

    /// <inheritdoc/>
    public override Representation forward(Inputs input) => units.Run(input);
}
