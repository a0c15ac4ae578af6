using MultiTask.Balancing;
using static TorchSharp.torch;

namespace MultiTask;

/// <summary>
/// What a trunk makes of its inputs: one tensor that all heads read, or one for each task.
/// </summary>
/// <remarks>
/// A representation for each task is computed when it is asked for, so a tower that no task of the batch needs never runs.
/// A <see cref="Cut"/> representation ends the graph of the losses at the representation: balancers then work on its
/// gradients, and one backward pass through the trunk follows. A tensor does not convert by itself: it converts to
/// <see cref="Inputs"/>, and nobody should run the heads on raw inputs by mistake.
/// </remarks>
public sealed class Representation
{
    private readonly Func<string, Tensor> compute;
    private readonly Dictionary<string, Tensor> known = [];
    private readonly RepresentationCut? cut;

    /// <summary>One tensor for all tasks.</summary>
    /// <param name="shared">The tensor, samples first.</param>
    public Representation(Tensor shared)
    {
        ArgumentNullException.ThrowIfNull(shared);
        Shared = shared;
        compute = _ => shared;
    }

    /// <summary>One tensor for each task.</summary>
    /// <param name="compute">Gives a task's tensor, samples first; called once for each task that is asked for.</param>
    public Representation(Func<string, Tensor> compute)
    {
        ArgumentNullException.ThrowIfNull(compute);
        this.compute = compute;
    }

    private Representation(Representation origin)
    {
        cut = new(origin);
        Shared = origin.Shared is null ? null : cut.Leaf;
        compute = cut.For;
    }

    /// <summary>The tensor that all tasks share, or <c>null</c> where each task has its own.</summary>
    public Tensor? Shared { get; }

    /// <summary>The tensor that a task's head reads.</summary>
    /// <remarks>
    /// Computed when a task is asked for, once; what several tasks have in common, when the first of them is. It belongs to the dispose
    /// scope that is open then, so ask for all tasks in one scope.
    /// </remarks>
    /// <param name="task">The task's name.</param>
    /// <exception cref="InvalidOperationException">It was computed in a dispose scope that has ended.</exception>
    public Tensor For(string task)
    {
        if (!known.TryGetValue(task, out var tensor))
        {
            known[task] = tensor = compute(task);
        }

        return !tensor.IsInvalid
            ? tensor
            : throw new InvalidOperationException($"The representation of task '{task}' should be alive. Found it disposed, with the scope in which it was computed; run the trunk anew.");
    }

    /// <summary>
    /// The same values as leaves of a new graph: the losses of heads that read the cut representation do not reach the trunk
    /// until <c>Balancer.Backward</c> is given it.
    /// </summary>
    public Representation Cut() => new(this);

    /// <summary>The cut, with the representations of some tasks in it.</summary>
    internal RepresentationCut CutFor(IReadOnlyList<string> tasks)
    {
        if (cut is null)
        {
            throw new ArgumentException("Balancing at the representation needs a cut one: representation.Cut(). Found one that is not cut.");
        }

        foreach (var task in tasks)
        {
            For(task);
        }

        return cut;
    }
}
