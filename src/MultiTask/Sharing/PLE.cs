using MultiTask.Diagnostics;
using TorchSharp.Modules;

namespace MultiTask.Sharing;

/// <summary>Progressive layered extraction: levels of task-specific and shared experts, which each level separates further.</summary>
/// <remarks>
/// <para>
/// Tang et al., <i>Progressive Layered Extraction (PLE): A Novel Multi-Task Learning Model for Personalized Recommendations</i>
/// (RecSys 2020). At each level a task's gate weighs its own experts and the shared ones, and reads what they read: the
/// task's output of the level below. At all levels but the last, a gate of the shared unit weighs the experts of all tasks and
/// the shared ones, for the shared experts of the next level (equation 5).
/// </para>
/// <para>
/// LibMTL has no gate of the shared unit, and feeds shared experts from the gates of tasks. With one level this is
/// <see cref="CGC"/>. Below the last level all tasks' experts are shared parameters, for all losses reach them through the
/// shared unit.
/// </para>
/// </remarks>
public sealed class PLE : Trunk
{
    private readonly Units units;
    private readonly Numbered<UnitLevel> levels;

    /// <summary>Levels of experts of each task, shared experts, and gates.</summary>
    /// <param name="tasks">The tasks' names.</param>
    /// <param name="experts">The number of each task's own experts at each level, at least 1.</param>
    /// <param name="shared">The number of shared experts at each level, at least 1.</param>
    /// <param name="expert">
    /// Makes a new stack of encoders on each call, one for each level: <c>() => [Linear(13, 64), Linear(64, 64)]</c>. The outputs
    /// of a level are of one shape.
    /// </param>
    /// <param name="gate">
    /// Makes a new gate on each call, from the level (from 0) and the number of experts n that it weighs: an encoder of what
    /// the unit reads at that level, which gives n logits a sample. By default a linear map without bias, where the experts of
    /// the level read one tensor and begin with a <c>Linear</c>. Such as <c>(level, n) => Linear(level == 0 ? 13 : 64, n)</c>.
    /// </param>
    /// <exception cref="ArgumentException">A module comes twice, the stacks differ in depth, or the gates' width cannot be told from the experts.</exception>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="experts"/> or <paramref name="shared"/> is less than 1, or a stack is empty.</exception>
    public PLE(IEnumerable<string> tasks, int experts, int shared, Func<IReadOnlyList<Encoder>> expert, Func<int, int, Encoder>? gate = null)
        : base(nameof(PLE))
    {
        units = new(tasks, experts, Arguments.AtLeastOne(shared, nameof(shared)), expert, gate, fusesAll: false);
        levels = units.Levels;
        RegisterComponents();
    }

    /// <summary>Levels of experts of each task, shared experts, and gates.</summary>
    /// <param name="tasks">The tasks.</param>
    /// <param name="experts">The number of each task's own experts at each level, at least 1.</param>
    /// <param name="shared">The number of shared experts at each level, at least 1.</param>
    /// <param name="expert">
    /// Makes a new stack of encoders on each call, one for each level: <c>() => [Linear(13, 64), Linear(64, 64)]</c>. The outputs
    /// of a level are of one shape.
    /// </param>
    /// <param name="gate">
    /// Makes a new gate on each call, from the level (from 0) and the number of experts n that it weighs: an encoder of what
    /// the unit reads at that level, which gives n logits a sample. By default a linear map without bias, where the experts of
    /// the level read one tensor and begin with a <c>Linear</c>. Such as <c>(level, n) => Linear(level == 0 ? 13 : 64, n)</c>.
    /// </param>
    /// <exception cref="ArgumentException">A module comes twice, the stacks differ in depth, or the gates' width cannot be told from the experts.</exception>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="experts"/> or <paramref name="shared"/> is less than 1, or a stack is empty.</exception>
    public PLE(IEnumerable<LearningTask> tasks, int experts, int shared, Func<IReadOnlyList<Encoder>> expert, Func<int, int, Encoder>? gate = null)
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
    public override bool MixesInOrderOfTasks => true;

    /// <inheritdoc/>
    public override IReadOnlyList<Mixture> Mixtures(Inputs inputs) => units.Mixtures(inputs, level => $"levels.{Experts.Key(level)}");

    /// <inheritdoc/>
    public override Representation forward(Inputs input) => units.Run(input);
}
