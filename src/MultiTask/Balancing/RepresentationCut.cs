using MultiTask.Diagnostics;
using static TorchSharp.torch;

namespace MultiTask.Balancing;

/// <summary>Where the graph of the losses is cut: one leaf by which every loss can be differentiated.</summary>
/// <remarks>
/// One representation for all tasks is that leaf itself. Where each task has its own, zᵢ, its head reads zᵢ + e, with one e = 0
/// for all tasks: ∂ℓᵢ/∂e = ∂ℓᵢ/∂zᵢ. So methods see what they always see, and each zᵢ still gets its own gradient, as a head does.
/// </remarks>
internal sealed class RepresentationCut
{
    private readonly Representation origin;
    private readonly Dictionary<string, (Tensor Own, Tensor Origin)> own = new(StringComparer.Ordinal);
    private Tensor? leaf;

    public RepresentationCut(Representation origin)
    {
        this.origin = origin;
        leaf = origin.Shared is { } shared ? shared.detach().requires_grad_() : null;
    }

    /// <summary>The leaf to balance at.</summary>
    public Tensor Leaf => leaf ?? throw new ArgumentException("Balancing at the representation needs a head that read it. Found none.");

    /// <summary>What a task's head reads.</summary>
    /// <exception cref="ArgumentException">Another task's representation has another shape.</exception>
    public Tensor For(string task)
    {
        if (origin.Shared is not null)
        {
            return Leaf;
        }

        var z = origin.For(task);
        leaf ??= zeros_like(z).detach().requires_grad_();
        if (!Shape.Same(leaf, z) || leaf.dtype != z.dtype)
        {
            throw new ArgumentException(
                $"Balancing at the representation needs representations of one shape and type. Found {leaf.dtype} {Shape.Of(leaf)} for {TaskNames.List(own.Keys)} " +
                $"and {z.dtype} {Shape.Of(z)} for '{task}'; balance at the shared parameters.");
        }

        var mine = z.detach().requires_grad_();
        own[task] = (mine, z);
        return mine + leaf;
    }

    /// <summary>From the cut on through the trunk, once.</summary>
    public void Backward(Balancer balancer)
    {
        (Tensor Origin, Tensor? Gradient)[] ends = origin.Shared is { } shared
            ? [(shared, Leaf.grad)]
            : [.. own.Select(o => (o.Value.Origin, Through(o.Key, o.Value.Own)))];
        ends = Array.FindAll(ends, end => end.Gradient is not null && end.Origin.requires_grad);
        if (ends.Length > 0)
        {
            autograd.backward([.. ends.Select(e => e.Origin)], [.. ends.Select(e => e.Gradient!)]);
        }

        Tensor? Through(string task, Tensor z) =>
            z.grad is { } gradient ? balancer.ThroughRepresentation(task, gradient, Leaf.grad! / own.Count(o => o.Value.Own.grad is not null)) : null;
    }
}
