using static TorchSharp.torch;

namespace MultiTask.Sharing;

/// <summary>What soft sharing charges for the tasks' corresponding parameters being different.</summary>
public abstract class SharingPenalty : nn.Module
{
    /// <summary>A penalty.</summary>
    /// <param name="name">The module's name, usually the class's.</param>
    protected SharingPenalty(string name)
        : base(name)
    {
    }

    /// <summary>The penalty on one layer.</summary>
    /// <param name="layer">The layer's parameter in each task's tower: T tensors of one shape.</param>
    /// <returns>A scalar ≥ 0.</returns>
    public abstract Tensor Of(IReadOnlyList<Tensor> layer);
}
