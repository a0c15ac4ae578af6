using MultiTask.Diagnostics;
using static TorchSharp.torch;

namespace MultiTask.Balancing;

/// <summary>The tensors at which gradients are balanced: leaves, each once, on one device.</summary>
internal static class Leaves
{
    public static IReadOnlyList<Tensor> Checked(IEnumerable<Tensor> shared)
    {
        var leaves = shared.ToArray();
        var handles = new HashSet<IntPtr>(leaves.Length);
        for (var i = 0; i < leaves.Length; i++)
        {
            var leaf = leaves[i];
            if (leaf is null || leaf.IsInvalid)
            {
                throw new ArgumentException($"Shared parameter {i} is null or disposed.", nameof(shared));
            }

            if (!handles.Add(leaf.Handle))
            {
                throw new ArgumentException($"Shared parameters should be distinct. Parameter {i}, of shape {Shape.Of(leaf)}, stands twice.", nameof(shared));
            }

            if (!leaf.is_leaf)
            {
                throw new ArgumentException($"Shared parameters should be leaves. Parameter {i}, of shape {Shape.Of(leaf)}, is the result of an operation.", nameof(shared));
            }

            if (leaf.device_type != leaves[0].device_type || leaf.device_index != leaves[0].device_index)
            {
                throw new ArgumentException($"Shared parameters should be on one device. Found {leaves[0].device} and {leaf.device}.", nameof(shared));
            }
        }

        return Array.FindAll(leaves, leaf => leaf.requires_grad);
    }
}
