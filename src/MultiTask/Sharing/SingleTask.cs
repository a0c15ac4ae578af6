using TorchSharp.Modules;

namespace MultiTask.Sharing;

/// <summary>No sharing: a tower of its own for each task. The baseline, with the same call.</summary>
/// <remarks>
/// There is no shared parameter, so every balancer leaves each task the gradient of its own loss (the loss rungs: of its
/// weighted loss). Trained with <see cref="Balancing.EqualWeights"/> it is one network per task, side by side.
/// </remarks>
public sealed class SingleTask : Trunk
{
    private readonly Towers towers;

    /// <summary>A tower for each task.</summary>
    /// <param name="tasks">The tasks' names.</param>
    /// <param name="tower">Makes a new encoder on each call.</param>
    public SingleTask(IEnumerable<string> tasks, Func<Encoder> tower)
        : base(nameof(SingleTask))
    {
        towers = new(tasks, tower);
        RegisterComponents();
    }

    /// <summary>A tower for each task.</summary>
    /// <param name="tasks">The tasks.</param>
    /// <param name="tower">Makes a new encoder on each call.</param>
    public SingleTask(IEnumerable<LearningTask> tasks, Func<Encoder> tower)
        : this(tasks.Select(t => t.Name), tower)
    {
    }

    /// <inheritdoc/>
    public override IReadOnlyCollection<string> Tasks => towers.Tasks;

    /// <inheritdoc/>
    public override IEnumerable<Parameter> SharedParameters() => [];

    /// <inheritdoc/>
    public override IEnumerable<Parameter> TaskParameters(string task) => towers.Of(task);

    /// <inheritdoc/>
    public override Representation forward(Inputs input) => towers.call(input);
}
