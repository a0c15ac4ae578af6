using MultiTask.Diagnostics;
using static TorchSharp.torch;

namespace MultiTask.Sharing;

/// <summary>The squared distance between tasks that a given graph joins: (λ/2) Σ over edges of Aₛₜ ‖Wₛ − Wₜ‖².</summary>
/// <remarks>
/// <para>
/// Evgeniou, Micchelli and Pontil, <i>Learning Multiple Tasks with Kernel Methods</i> (JMLR, 2005): it is
/// (λ/2) tr(W L Wᵀ) with the graph's Laplacian L = D − A, each edge counted once.
/// </para>
/// <para>
/// With Aₛₜ = 1 between all it is <see cref="L2Distance"/>, with 1/T it is (λ/2) Σₜ ‖Wₜ − W̄‖². Tasks without an edge
/// are free; parts of the graph that no edge joins do not know of each other.
/// </para>
/// </remarks>
public sealed class GraphLaplacian : ProximalPenalty
{
    private readonly double strength;
    private readonly (string One, string Other, double Weight)[] edges;
    private (IReadOnlyList<string> Tasks, TaskForm Form)? known;

    /// <summary>The squared distance along the edges of a graph.</summary>
    /// <param name="strength">λ ≥ 0.</param>
    /// <param name="edges">Pairs of tasks, in any order, each once, and their weight A ≥ 0.</param>
    /// <exception cref="ArgumentException">An edge joins a task with itself, stands twice, or has a negative weight.</exception>
    public GraphLaplacian(double strength, IEnumerable<(string One, string Other, double Weight)> edges)
        : base(nameof(GraphLaplacian))
    {
        ArgumentNullException.ThrowIfNull(edges);
        this.strength = Arguments.NonNegative(strength, nameof(strength));
        this.edges = [.. edges];
        var seen = new HashSet<(string, string)>();
        foreach (var (one, other, weight) in this.edges)
        {
            ExpectEdge(one != other, "join two tasks", one, other);
            ExpectEdge(weight >= 0 && double.IsFinite(weight), $"have a non-negative and finite weight, not {weight}", one, other);
            ExpectEdge(seen.Add((one, other)) && seen.Add((other, one)), "stand once", one, other);
        }
    }

    /// <inheritdoc/>
    public override Tensor Of(SharedLayer layer)
    {
        ArgumentNullException.ThrowIfNull(layer);
        using var scope = NewDisposeScope();
        return Form(layer).Value(layer.Stacked()).MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    /// <exception cref="ArgumentException">The graph has a task that the trunk has not.</exception>
    protected internal override void Begin(IReadOnlyList<SharedLayer> layers)
    {
        ArgumentNullException.ThrowIfNull(layers);
        foreach (var layer in layers.Take(1))
        {
            Form(layer);
        }
    }

    /// <inheritdoc/>
    protected override Tensor Nearest(SharedLayer layer, double step) => Form(layer).Nearest(layer.Stacked(), step);

    /// <summary>λ (D − A), for the layer's tasks in their order.</summary>
    private TaskForm Form(SharedLayer layer)
    {
        var tasks = layer.Parameters.Tasks;
        if (known is not { } form || !form.Tasks.SequenceEqual(tasks))
        {
            known = form = (tasks, TaskForm.Of(Laplacian(tasks)));
        }

        return form.Form;
    }

    private double[,] Laplacian(IReadOnlyList<string> tasks)
    {
        var unknown = edges.SelectMany(e => new[] { e.One, e.Other }).Distinct().Where(t => !tasks.Contains(t)).ToArray();
        if (unknown.Length > 0)
        {
            throw new ArgumentException($"The graph should join tasks of the trunk, {TaskNames.List(tasks)}. Found {TaskNames.List(unknown)}.");
        }

        var index = TaskNames.Index(tasks);
        var laplacian = new double[tasks.Count, tasks.Count];
        foreach (var (one, other, weight) in edges)
        {
            var (s, t) = (index[one], index[other]);
            laplacian[s, s] += strength * weight;
            laplacian[t, t] += strength * weight;
            laplacian[s, t] -= strength * weight;
            laplacian[t, s] -= strength * weight;
        }

        return laplacian;
    }

    private static void ExpectEdge(bool condition, string expected, string one, string other)
    {
        if (!condition)
        {
            throw new ArgumentException($"Each of `edges` should {expected}. Found '{one}' – '{other}'.");
        }
    }
}
