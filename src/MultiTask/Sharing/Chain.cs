using MultiTask.Diagnostics;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace MultiTask.Sharing;

/// <summary>The steps of a chain, in order, each with a tower on a trunk; the loss of a step reaches the towers up to its own.</summary>
/// <remarks>A view: the trunk that is built from it registers the modules.</remarks>
internal sealed class Chain
{
    private readonly TaskMap<int> steps;
    private readonly Trunk trunk;
    private readonly Towers towers;

    public Chain(Trunk trunk, Towers towers)
    {
        ArgumentNullException.ThrowIfNull(trunk);
        this.trunk = trunk;
        this.towers = towers;
        steps = TaskMap.Create(towers.Tasks.Select((task, step) => (task, step)));
        if (trunk.Tasks is { } known)
        {
            TaskNames.ExpectKnown(Tasks, known, trunk.GetName());
        }
    }

    public IReadOnlyList<string> Tasks => steps.Tasks;

    public int Length => steps.Count;

    public int StepOf(string task) => steps[task];

    public bool IsLast(string task) => task == Tasks[^1];

    /// <summary>What a step's tower makes of the trunk's representation: <c>[n, width]</c>.</summary>
    /// <exception cref="ArgumentException">It makes something else.</exception>
    public Tensor Encode(Representation below, int step, int width)
    {
        var z = below.For(Tasks[step]);
        return Expect(towers.Encode(Tasks[step], z), z.shape[0], width, $"The tower of '{Tasks[step]}'");
    }

    /// <summary>Refuses another shape, before the native library broadcasts it or ends the process.</summary>
    public static Tensor Expect(Tensor output, long samples, int width, string what) =>
        output.dim() == 2 && output.shape[0] == samples && output.shape[1] == width
            ? output
            : throw new ArgumentException($"{what} should give {Shape.Text([samples, width])} here. Found {Shape.Of(output)}.");

    /// <summary>What the losses of several steps reach: all of the trunk and the towers that is not the last step's own.</summary>
    public IEnumerable<Parameter> Shared() => trunk.SharedParameters().Concat(Tasks.SkipLast(1).SelectMany(Of));

    /// <summary>What only one step's loss reaches: something for the last step, nothing for the others.</summary>
    public IEnumerable<Parameter> Own(string task) => IsLast(task) ? Of(task) : [];

    private IEnumerable<Parameter> Of(string task) => trunk.TaskParameters(task).Concat(towers.Of(task));
}
