using TorchSharp.Modules;

namespace MultiTask.Diagnostics;

/// <summary>How many numbers some parameters are.</summary>
/// <param name="Trainable">Those that learn.</param>
/// <param name="Frozen">Those that need no gradient.</param>
public readonly record struct ParameterCount(long Trainable, long Frozen)
{
    /// <summary>All.</summary>
    public long Total => Trainable + Frozen;

    internal static ParameterCount Of(IEnumerable<Parameter> parameters)
    {
        var sizes = parameters.DistinctBy(p => p.Handle).ToLookup(p => p.requires_grad, p => p.numel());
        return new(sizes[true].Sum(), sizes[false].Sum());
    }
}
