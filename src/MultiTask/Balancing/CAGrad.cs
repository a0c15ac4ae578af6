using MultiTask.Diagnostics;
using MultiTask.Numerics;

namespace MultiTask.Balancing;

/// <summary>CAGrad: the direction near the mean gradient that serves the worst-off task best.</summary>
/// <remarks>
/// <para>
/// Liu et al., <i>Conflict-Averse Gradient Descent for Multi-task Learning</i> (NeurIPS 2021), algorithm 1: d maximises minᵢ gᵢ·d
/// where ‖d − g₀‖ ≤ c‖g₀‖, with the mean gradient g₀. Its dual is over the simplex: d = g₀ + c‖g₀‖ g_w / ‖g_w‖ where w is least in
/// g_w·g₀ + c‖g₀‖‖g_w‖, g_w = Σ wᵢgᵢ. Solved exactly, by an active set. As in the algorithm d is not rescaled; the authors'
/// training code and LibMTL divide it by 1 + c². TorchJD gives 0 for small gradients; here no scale is small.
/// </para>
/// <para>
/// c = 0 is the mean gradient. For c &lt; 1 training ends only where the mean gradient is 0. For c ≥ 1 no task is in conflict
/// with d, and training may end at any Pareto-stationary point; as c grows, d/c tends to the direction of <see cref="MGDA"/>.
/// Where tasks cancel, so that many d serve the worst-off equally, the one that is nearest to g₀ is taken. A gradient that is zero
/// counts in the mean, but is none of the tasks to serve.
/// </para>
/// </remarks>
public sealed class CAGrad : GramianWeighting
{
    private readonly double c;
    private readonly Preferences preferences;

    /// <summary>CAGrad.</summary>
    /// <param name="c">How far from the mean gradient d may be, in its lengths, c ≥ 0; the default is 0.4, that of the paper's scripts.</param>
    /// <param name="preferences">
    /// The tasks' weights in the mean gradient, positive; only their ratios count. By default they are equal, as in the paper.
    /// </param>
    /// <exception cref="ArgumentException"><paramref name="c"/> is negative or not finite, or a preference is not positive.</exception>
    public CAGrad(double c = 0.4, TaskMap<double>? preferences = null)
        : base(nameof(CAGrad))
    {
        this.c = Arguments.NonNegative(c, nameof(c));
        this.preferences = new(preferences, nameof(CAGrad));
    }

    /// <inheritdoc/>
    public override double[] Weigh(Gramian gramian)
    {
        ArgumentNullException.ThrowIfNull(gramian);
        var mean = preferences.Of(gramian.Tasks);
        var reference = new ReferenceGradient(gramian, mean);
        var radius = c * reference.Norm;
        if (radius == 0)
        {
            return mean;
        }

        var alive = reference.Alive;
        var m = new double[alive.Length, alive.Length];
        for (var i = 0; i < alive.Length; i++)
        {
            for (var j = 0; j < alive.Length; j++)
            {
                m[i, j] = gramian[alive[i], alive[j]];
            }
        }

        var solution = TrustRegion.Solve(m, Array.ConvertAll(alive, i => reference.Products[i]), radius, Array.ConvertAll(alive, gramian.Norm), reference.Length);
        for (var i = 0; i < alive.Length; i++)
        {
            mean[alive[i]] += solution.Scale * solution.Weights[i];
        }

        return mean;
    }
}
