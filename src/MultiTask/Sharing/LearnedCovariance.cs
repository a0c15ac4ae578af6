using MultiTask.Diagnostics;
using MultiTask.Numerics;
using static TorchSharp.torch;

namespace MultiTask.Sharing;

/// <summary>
/// Multi-task relationship learning: the covariance Ω of the tasks is learned with their parameters, and pulls related
/// tasks together, opposite ones apart, and leaves unrelated ones alone: (λ₁/2) tr(W Wᵀ) + (λ₂/2) tr(W Ω⁻¹ Wᵀ), with
/// Ω ⪰ 0 and tr Ω = 1.
/// </summary>
/// <remarks>
/// <para>
/// Zhang and Yeung, <i>A Convex Formulation for Learning Task Relationships in Multi-Task Learning</i> (UAI 2010). Ω starts
/// as I/T. For given W it is best at (WᵀW)^½ / tr (WᵀW)^½; this is put in by a clock, each epoch or every so many steps, and
/// between two such updates the parameters follow the gradient. At the best Ω the second term is λ₂/2 times the square of
/// the trace norm of W.
/// </para>
/// <para>
/// One Ω serves all layers: WᵀW is the sum over the layers, by their weights. Where we differ: W of a network is often
/// rank deficient (towers start alike), where the paper's Ω has no inverse; so WᵀW + ε tr(WᵀW)/T · I stands in its place,
/// which does not depend on the scale of W.
/// </para>
/// <para>
/// <see cref="Correlations"/> reports how tasks relate, sign included. It compares parameters: towers that start as copies
/// begin at 1, and move from there as far as training moves them.
/// </para>
/// </remarks>
public sealed class LearnedCovariance : ProximalPenalty
{
    private readonly double strength;
    private readonly double ridge;
    private readonly int? everySteps;
    private readonly double epsilon;
    private TaskMatrix? covariance;
    private Clock? clock;

    /// <summary>A learned covariance.</summary>
    /// <param name="strength">λ₂ ≥ 0.</param>
    /// <param name="ridge">λ₁ ≥ 0; 0 by default.</param>
    /// <param name="everySteps">After how many steps Ω is renewed, ≥ 1; by default after each epoch.</param>
    /// <param name="epsilon">ε > 0, relative to the mean of the diagonal of WᵀW; 1e-4 by default. Less is stiffer.</param>
    /// <exception cref="ArgumentOutOfRangeException">An argument is out of its range.</exception>
    public LearnedCovariance(double strength, double ridge = 0, int? everySteps = null, double epsilon = 1e-4)
        : base(nameof(LearnedCovariance))
    {
        this.strength = Arguments.NonNegative(strength, nameof(strength));
        this.ridge = Arguments.NonNegative(ridge, nameof(ridge));
        this.everySteps = everySteps is { } every ? Arguments.AtLeastOne(every, nameof(everySteps)) : null;
        this.epsilon = Arguments.Positive(epsilon, nameof(epsilon));
    }

    /// <summary>Ω, by the names of two tasks.</summary>
    /// <exception cref="InvalidOperationException">The penalty belongs to no trunk yet.</exception>
    public TaskMap<TaskMap<double>> Covariance => Named(Known.Values);

    /// <summary>Ωₛₜ / √(Ωₛₛ Ωₜₜ), from −1 (opposite) over 0 (unrelated) to 1 (alike), by the names of two tasks.</summary>
    /// <exception cref="InvalidOperationException">The penalty belongs to no trunk yet.</exception>
    public TaskMap<TaskMap<double>> Correlations
    {
        get
        {
            var values = Known.Values;
            var correlations = new double[values.GetLength(0), values.GetLength(1)];
            for (var s = 0; s < values.GetLength(0); s++)
            {
                for (var t = 0; t < values.GetLength(1); t++)
                {
                    correlations[s, t] = s == t ? 1 : values[s, t] / Math.Sqrt(values[s, s] * values[t, t]);
                }
            }

            return Named(correlations);
        }
    }

    private TaskMatrix Known => covariance ?? throw new InvalidOperationException("The penalty should belong to a trunk first: new SoftSharing(tasks, tower, penalty).");

    /// <inheritdoc/>
    public override Tensor Of(SharedLayer layer)
    {
        ArgumentNullException.ThrowIfNull(layer);
        using var scope = NewDisposeScope();
        return Form(layer).Value(layer.Stacked()).MoveToOuterDisposeScope();
    }

    /// <summary>Renews Ω from the parameters as they are, without waiting for the clock.</summary>
    /// <param name="layers">The layers that are charged for. Where all their parameters are 0, or one is not finite, Ω stays.</param>
    public void Update(IReadOnlyList<SharedLayer> layers)
    {
        ArgumentNullException.ThrowIfNull(layers);
        var tasks = Known.Tasks.Count;
        var products = new double[tasks, tasks];
        foreach (var layer in layers)
        {
            Expect(layer);
            AddProducts(layer, products);
        }

        var mean = Enumerable.Range(0, tasks).Sum(t => products[t, t]) / tasks;
        if (!(mean > 0) || !double.IsFinite(mean))
        {
            return;
        }

        var eigen = SymmetricEigen.Of(products);
        var roots = Array.ConvertAll(eigen.Values, v => Math.Sqrt((Math.Max(v, 0) / mean) + epsilon));
        var trace = roots.Sum();
        var values = new double[tasks, tasks];
        foreach (var (root, vector) in roots.Zip(eigen.Vectors))
        {
            for (var s = 0; s < tasks; s++)
            {
                for (var t = 0; t < tasks; t++)
                {
                    values[s, t] += root / trace * vector[s] * vector[t];
                }
            }
        }

        Known.Values = values;
    }

    /// <inheritdoc/>
    /// <exception cref="InvalidOperationException">The penalty belongs to a trunk already.</exception>
    protected internal override void Begin(IReadOnlyList<SharedLayer> layers)
    {
        ArgumentNullException.ThrowIfNull(layers);
        if (covariance is not null)
        {
            throw new InvalidOperationException("A learned covariance should belong to one trunk. This one belongs to another already.");
        }

        if (layers.Count == 0)
        {
            throw new ArgumentException("A learned covariance should have a layer to learn from. All layer weights are 0.", nameof(layers));
        }

        var tasks = layers[0].Parameters.Tasks;
        covariance = new(tasks);
        clock = new();
        register_module(nameof(covariance), covariance);
        register_module(nameof(clock), clock);
        var values = new double[tasks.Count, tasks.Count];
        for (var t = 0; t < tasks.Count; t++)
        {
            values[t, t] = 1.0 / tasks.Count;
        }

        covariance.Values = values;
    }

    /// <inheritdoc/>
    protected internal override void EndStep(IReadOnlyList<SharedLayer> layers)
    {
        clock!.EndStep();
        if (everySteps is { } every && clock.Now.Steps % every == 0)
        {
            Update(layers);
        }
    }

    /// <inheritdoc/>
    protected internal override void EndEpoch(IReadOnlyList<SharedLayer> layers)
    {
        clock!.EndEpoch();
        if (everySteps is null)
        {
            Update(layers);
        }
    }

    /// <inheritdoc/>
    protected override Tensor Nearest(SharedLayer layer, double step) => Form(layer).Nearest(layer.Stacked(), step);

    /// <summary>λ₁ I + λ₂ Ω⁻¹.</summary>
    private TaskForm Form(SharedLayer layer)
    {
        Expect(layer);
        var eigen = SymmetricEigen.Of(Known.Values);

        // No eigenvalue of an update is smaller, but for rounding.
        var least = Math.Sqrt(epsilon / (1 + epsilon)) / eigen.Values.Length;
        return new(Array.ConvertAll(eigen.Values, v => ridge + (strength / Math.Max(v, least))), eigen.Vectors);
    }

    /// <summary>Adds weight × WᵀW.</summary>
    private static void AddProducts(SharedLayer layer, double[,] products)
    {
        using var scope = NewDisposeScope();
        using var off = no_grad();
        var rows = layer.Stacked().to(ScalarType.Float64).reshape(products.GetLength(0), -1);
        var flat = HostValues.Of(rows.matmul(rows.t()));
        for (var i = 0; i < flat.Length; i++)
        {
            products[i / products.GetLength(1), i % products.GetLength(1)] += layer.Weight * flat[i];
        }
    }

    private void Expect(SharedLayer layer)
    {
        if (!layer.Parameters.Tasks.SequenceEqual(Known.Tasks))
        {
            throw new ArgumentException($"A layer should have the tasks {string.Join(", ", Known.Tasks)}, in this order. Found {string.Join(", ", layer.Parameters.Tasks)} in '{layer.Name}'.");
        }
    }

    private TaskMap<TaskMap<double>> Named(double[,] values) => TaskMap.Create(
        Known.Tasks.Select((one, s) => (one, TaskMap.Create(Known.Tasks.Select((other, t) => (other, values[s, t]))))));
}
