using static TorchSharp.torch;

namespace MultiTask.Sharing;

/// <summary>One parameter of a tower, as each task has it: what a penalty of soft sharing looks at.</summary>
/// <param name="Name">The parameter's name in the tower, such as <c>0.weight</c>.</param>
/// <param name="Parameters">The parameter of each task: T tensors of one shape.</param>
/// <param name="Weight">How much the penalty counts for it, ≥ 0; the trunk multiplies by it.</param>
public sealed record SharedLayer(string Name, TaskMap<Tensor> Parameters, double Weight = 1)
{
    /// <summary>The tasks' parameters along a new first dimension, <c>[T, …]</c>, with their graph.</summary>
    public Tensor Stacked() => stack(Parameters.Values);

    /// <summary>The same values without a graph.</summary>
    internal SharedLayer Detached() => this with { Parameters = Parameters.Map((_, p) => p.detach()) };
}
