using MultiTask.Diagnostics;
using MultiTask.Numerics;

namespace MultiTask.Balancing;

/// <summary>SDMGrad: MGDA that keeps near a direction of choice, from two independent samples, so that noise does not bias it.</summary>
/// <remarks>
/// <para>
/// Xiao et al., <i>Direction-oriented Multi-objective Learning: Simple and Provable Stochastic Algorithms</i> (NeurIPS 2023),
/// algorithm 1: w minimises ½ ‖Jᵀ(w + λw₀)‖² over the simplex, by S steps w ← Π(w − β J(ξ) J(ξ′)ᵀ (w + λw₀)) from the w of
/// the step before; the step goes along J(ζ)ᵀ(w + λw₀) / (1 + λ). w₀ are the preferences. λ = 0 is MGDA; with λ → ∞ only w₀
/// is left. <see cref="Balancer.LastWeights"/> are (w + λw₀) / (1 + λ). To be what it is it needs two micro-batches, better
/// three: see <see cref="StochasticWeighting"/>.
/// </para>
/// <para>
/// As in the authors' code: the division by 1 + λ, so that λ changes the direction and not the learning rate; products divided
/// by the square of the gradients' mean length, so that β need not suit their size (there 1e-4 is added to the squares, here
/// nothing); one pair of samples for all S steps; momentum. Their <c>weight_methods.py</c> has the three samples in one and
/// the same tensor, so it samples once; LibMTL mended that. With β = 10 the inner steps seldom settle: where gradients differ
/// much, w goes from corner to corner of the simplex. With a <c>step</c> below 2/m² it settles.
/// </para>
/// <para>Absent tasks keep their w; the others share the weight that they have together.</para>
/// </remarks>
public sealed class SDMGrad : StochasticWeighting
{
    private readonly double lambda;
    private readonly int iterations;
    private readonly double step;
    private readonly double momentum;
    private readonly Preferences preferences;
    private readonly SimplexMemory memory;

    /// <summary>SDMGrad.</summary>
    /// <param name="tasks">All tasks that may come.</param>
    /// <param name="lambda">λ ≥ 0: how near to the preferred direction to keep; the default is 0.3.</param>
    /// <param name="iterations">S ≥ 1: how many steps w makes in one step of the network; the default is 20.</param>
    /// <param name="step">β > 0: how long they are; the default is 10, that of the authors' code (LibMTL: 5).</param>
    /// <param name="momentum">In [0, 1): theirs, which begins anew with each step of the network; the default is 0.5.</param>
    /// <param name="preferences">w₀, up to scale: how much each task counts in the preferred direction; all the same by default.</param>
    /// <exception cref="ArgumentException">An argument is out of its range, or names are not distinct.</exception>
    public SDMGrad(IEnumerable<string> tasks, double lambda = 0.3, int iterations = 20, double step = 10, double momentum = 0.5, TaskMap<double>? preferences = null)
        : base(nameof(SDMGrad))
    {
        this.lambda = Arguments.NonNegative(lambda, nameof(lambda));
        this.iterations = Arguments.AtLeastOne(iterations, nameof(iterations));
        this.step = Arguments.Positive(step, nameof(step));
        this.momentum = Arguments.Part(momentum, nameof(momentum));
        this.preferences = new(preferences, nameof(SDMGrad));
        memory = new(tasks, nameof(SDMGrad));
        RegisterComponents();
    }

    /// <summary>SDMGrad.</summary>
    /// <param name="tasks">All tasks that may come.</param>
    /// <param name="lambda">λ ≥ 0: how near to the preferred direction to keep; the default is 0.3.</param>
    /// <param name="iterations">S ≥ 1: how many steps w makes in one step of the network; the default is 20.</param>
    /// <param name="step">β > 0: how long they are; the default is 10, that of the authors' code (LibMTL: 5).</param>
    /// <param name="momentum">In [0, 1): theirs, which begins anew with each step of the network; the default is 0.5.</param>
    /// <param name="preferences">w₀, up to scale: how much each task counts in the preferred direction; all the same by default.</param>
    /// <exception cref="ArgumentException">An argument is out of its range, or names are not distinct.</exception>
    public SDMGrad(IEnumerable<LearningTask> tasks, double lambda = 0.3, int iterations = 20, double step = 10, double momentum = 0.5, TaskMap<double>? preferences = null)
        : this(tasks.Select(t => t.Name), lambda, iterations, step, momentum, preferences)
    {
    }

    /// <inheritdoc/>
    /// <exception cref="ArgumentException">There is a task that the method was not built for, or one without a preference.</exception>
    public override double[] Weigh(TaskMap<double> losses, double[,] products)
    {
        ArgumentNullException.ThrowIfNull(losses);
        ArgumentNullException.ThrowIfNull(products);
        var target = preferences.Of(losses.Tasks);
        var weights = Descend(memory.Of(losses.Tasks), target, Normalized(products));
        memory.Keep(losses.Tasks, weights);
        return [.. weights.Zip(target, (w, w0) => (w + (lambda * w0)) / (1 + lambda))];
    }

    /// <inheritdoc/>
    public override void Reset() => memory.Clear();

    /// <summary>S steps of projected gradient descent with momentum.</summary>
    private double[] Descend(double[] w, double[] target, double[,] a)
    {
        var velocity = new double[w.Length];
        for (var s = 0; s < iterations; s++)
        {
            double[] at = [.. w.Zip(target, (x, w0) => x + (lambda * w0))];
            velocity = [.. velocity.Select((v, i) => (momentum * v) + at.Select((x, j) => a[i, j] * x).Sum())];
            w = SimplexProjection.Of([.. w.Zip(velocity, (x, v) => x - (step * v))]);
        }

        return w;
    }

    /// <summary>
    /// Divided by the square of the mean length, (mean √aᵢᵢ)². Products of unlike samples may be below 0 on the diagonal; where all
    /// are, or nearly, the largest product keeps the quotients in the range.
    /// </summary>
    private static double[,] Normalized(double[,] products)
    {
        var m = products.GetLength(0);
        var length = Enumerable.Range(0, m).Average(i => Math.Sqrt(Math.Max(0, products[i, i])));
        var largest = products.Cast<double>().Max(Math.Abs);
        length = Math.Max(length, 1e-6 * Math.Sqrt(largest));
        var normalized = new double[m, m];
        for (var i = 0; i < m && length > 0; i++)
        {
            for (var j = 0; j < m; j++)
            {
                normalized[i, j] = products[i, j] / length / length;
            }
        }

        return normalized;
    }
}
