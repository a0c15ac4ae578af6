using MultiTask.Diagnostics;
using TorchSharp;
using static TorchSharp.torch;

namespace MultiTask.Sharing;

/// <summary>Makes a module what another of the same kind is.</summary>
internal static class ModuleCopy
{
    /// <summary>Copies parameters, buffers, what is frozen, modes, dtype and device.</summary>
    /// <exception cref="ArgumentException">The two differ in names or shapes.</exception>
    public static void Copy(nn.Module from, nn.Module to)
    {
        using var off = no_grad();
        using var scope = NewDisposeScope();
        MoveTo(from, to);
        foreach (var (source, target) in Matched(Named(from), Named(to)))
        {
            target.copy_(source);
            if (target.is_leaf && target.requires_grad != source.requires_grad)
            {
                target.requires_grad = source.requires_grad;
            }
        }

        foreach (var (source, target) in from.modules().Prepend(from).Zip(to.modules().Prepend(to)))
        {
            if (target.training != source.training)
            {
                target.train(source.training);
            }
        }
    }

    private static void MoveTo(nn.Module from, nn.Module to)
    {
        if (from.parameters().FirstOrDefault() is { } there && to.parameters().FirstOrDefault() is { } here)
        {
            if (here.device_type != there.device_type || here.device_index != there.device_index)
            {
                to.to(there.device);
            }

            if (here.dtype != there.dtype)
            {
                to.to(there.dtype);
            }
        }
    }

    private static (string Name, Tensor Tensor)[] Named(nn.Module module) =>
        [.. module.named_parameters().Select(p => (p.name, (Tensor)p.parameter)), .. module.named_buffers().Select(b => (b.name, b.buffer))];

    private static IEnumerable<(Tensor From, Tensor To)> Matched((string Name, Tensor Tensor)[] from, (string Name, Tensor Tensor)[] to)
    {
        var (first, second) = (Text(from), Text(to));
        return first.SequenceEqual(second) ? from.Zip(to, (a, b) => (a.Tensor, b.Tensor)) : throw new ArgumentException(
            $"`stages` should give the same modules on each call. Found {string.Join(", ", first.Except(second))} in one, {string.Join(", ", second.Except(first))} in another.");

        static string[] Text((string Name, Tensor Tensor)[] tensors) => [.. tensors.Select(t => $"'{t.Name}' {Shape.Of(t.Tensor)}")];
    }
}
