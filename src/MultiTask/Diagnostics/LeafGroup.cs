using static TorchSharp.torch;

namespace MultiTask.Diagnostics;

/// <summary>The shared parameters of one layer: of a module that has them itself, not in a module within it.</summary>
/// <param name="Name">The module's path in the model.</param>
/// <param name="Leaves">The parameters that learn, at least one.</param>
internal sealed record LeafGroup(string Name, IReadOnlyList<Tensor> Leaves)
{
    /// <summary>How many numbers these are.</summary>
    public long Size => Leaves.Sum(leaf => leaf.numel());

    /// <summary>The layers of a model, in its order. A parameter of several modules belongs to the first.</summary>
    public static IReadOnlyList<LeafGroup> Of(MultiTaskModel model)
    {
        var shared = model.SharedParameters().Where(p => p.requires_grad).ToDictionary(p => p.Handle, p => (Tensor)p);
        var groups = new List<LeafGroup>();
        foreach (var (name, module) in model.named_modules())
        {
            Tensor[] own = [.. module.named_parameters(recurse: false).Select(p => p.parameter).Where(p => shared.Remove(p.Handle))];
            if (own.Length > 0)
            {
                groups.Add(new(name, own));
            }
        }

        return shared.Count == 0 ? groups : [.. groups, new("unregistered", [.. shared.Values])];
    }
}
