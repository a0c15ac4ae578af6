using static TorchSharp.torch;

namespace MultiTask.Sharing;

/// <summary>What soft sharing charges for the tasks' corresponding parameters being different.</summary>
/// <remarks>
/// A penalty that can also be applied as a step of its own, after the optimizer's, derives from
/// <see cref="ProximalPenalty"/>. What a penalty remembers is buffers and what it learns is parameters, made in
/// <see cref="Begin"/>, so that they land in the trunk's checkpoint by themselves.
/// </remarks>
public abstract class SharingPenalty : nn.Module
{
    /// <summary>A penalty.</summary>
    /// <param name="name">The module's name, usually the class's.</param>
    protected SharingPenalty(string name)
        : base(name)
    {
    }

    /// <summary>The penalty on one layer, without the layer's weight.</summary>
    /// <param name="layer">The layer's parameter in each task's tower.</param>
    /// <returns>A scalar ≥ 0.</returns>
    public abstract Tensor Of(SharedLayer layer);

    /// <summary>Called once, by the trunk that the penalty belongs to: the time to look at names and shapes.</summary>
    /// <param name="layers">The layers that will be charged for, those with a positive weight.</param>
    protected internal virtual void Begin(IReadOnlyList<SharedLayer> layers)
    {
    }

    /// <summary>Takes note that the optimizer has made its step; penalties with a clock override it.</summary>
    /// <param name="layers">The layers that are charged for.</param>
    protected internal virtual void EndStep(IReadOnlyList<SharedLayer> layers)
    {
    }

    /// <summary>Takes note that an epoch has ended; penalties with a clock override it.</summary>
    /// <param name="layers">The layers that are charged for.</param>
    protected internal virtual void EndEpoch(IReadOnlyList<SharedLayer> layers)
    {
    }
}
