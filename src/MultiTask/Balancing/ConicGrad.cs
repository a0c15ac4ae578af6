using MultiTask.Diagnostics;
using MultiTask.Numerics;

namespace MultiTask.Balancing;

/// <summary>ConicGrad: within a cone round the mean gradient, the direction that serves the worst-off task best.</summary>
/// <remarks>
/// <para>
/// Hassanpour et al., <i>Fantastic Multi-Task Gradient Updates and How to Find Them In a Cone</i> (arXiv 2502.00217, 2025): of all
/// directions whose angle with the mean gradient g₀ has a cosine of at least c, the one with the largest minᵢ gᵢ·d, at the length
/// ‖g₀‖. In other words, and so that it makes sense also where no direction in the cone serves all tasks: d maximises minᵢ gᵢ·d
/// where ‖d‖ ≤ ‖g₀‖ and g₀·d ≥ c‖g₀‖². The mean loss falls at least c times as fast as by g₀.
/// </para>
/// <para>
/// The class was made from the paper's statement of the problem, which it solves exactly; it has not been held against the authors'
/// code, for none was found. The paper finds the task weights of its dual by gradient steps with a regulariser γ; an exact solution
/// has neither.
/// </para>
/// <para>
/// If the shortest vector in the convex hull of the gradients (the direction of <see cref="MGDA"/>) is in the cone, it is the
/// solution. Else d/‖g₀‖ = c u + √(1−c²) e with u = g₀/‖g₀‖ and a unit vector e ⟂ u: the problem of <see cref="CAGrad"/>, in the
/// hyperplane orthogonal to g₀. c = 1 is the mean gradient; c = 0 allows all that does not ascend on the mean loss. Where tasks cancel
/// and a shorter e does as well, it is taken. Where g₀ is zero there is no cone, and the weights are those of the mean. A
/// gradient that is zero counts in the mean, but is none of the tasks to serve.
/// </para>
/// </remarks>
public sealed class ConicGrad : GramianWeighting
{
    private readonly double c;
    private readonly Preferences preferences;

    /// <summary>ConicGrad.</summary>
    /// <param name="c">The cosine of the greatest angle with the mean gradient, in [0, 1]; the default is 0.5, an angle of 60°.</param>
    /// <param name="preferences">
    /// The tasks' weights in the mean gradient, positive; only their ratios count. By default they are equal, as in the paper.
    /// </param>
    /// <exception cref="ArgumentException"><paramref name="c"/> is not in [0, 1], or a preference is not positive.</exception>
    public ConicGrad(double c = 0.5, TaskMap<double>? preferences = null)
        : base(nameof(ConicGrad))
    {
        this.c = Arguments.Fraction(c, nameof(c));
        this.preferences = new(preferences, nameof(ConicGrad));
    }

    /// <inheritdoc/>
    public override double[] Weigh(Gramian gramian)
    {
        ArgumentNullException.ThrowIfNull(gramian);
        var mean = preferences.Of(gramian.Tasks);
        var reference = new ReferenceGradient(gramian, mean);
        return reference.Norm == 0 || c == 1 ? mean
            : Inside(gramian, reference) ?? OnBoundary(gramian, reference, mean);
    }

    /// <summary>The min-norm point of the hull, if it is in the cone.</summary>
    private double[]? Inside(Gramian gramian, ReferenceGradient reference)
    {
        var shortest = MinNorm.Solve(gramian).Weights;
        var point = new ReferenceGradient(gramian, shortest);
        var along = 0.0;
        for (var i = 0; i < shortest.Length; i++)
        {
            along += shortest[i] * reference.Products[i];
        }

        return point.Norm > 0 && along >= c * point.Norm * reference.Norm
            ? Array.ConvertAll(shortest, w => reference.Norm / point.Norm * w)
            : null;
    }

    private double[] OnBoundary(Gramian gramian, ReferenceGradient reference, double[] mean)
    {
        var (alive, radius) = (reference.Alive, Math.Sqrt((1 - c) * (1 + c)));
        var along = Array.ConvertAll(alive, i => reference.Products[i] / reference.Norm);
        var across = new double[alive.Length, alive.Length];
        for (var i = 0; i < alive.Length; i++)
        {
            for (var j = 0; j < alive.Length; j++)
            {
                across[i, j] = gramian[alive[i], alive[j]] - (along[i] * along[j]);
            }
        }

        // Where little is left of the mean gradient, u is known as much worse.
        var magnified = reference.Length / reference.Norm;
        var lengths = Array.ConvertAll(alive, i => gramian.Norm(i) * magnified);
        var solution = TrustRegion.Solve(across, Array.ConvertAll(along, a => c * a), radius, lengths, c * magnified);
        var (weights, inward) = (Array.ConvertAll(mean, _ => 0.0), c);
        for (var i = 0; i < alive.Length; i++)
        {
            weights[alive[i]] = solution.Scale * solution.Weights[i] * reference.Norm;
            inward -= solution.Scale * solution.Weights[i] * along[i];
        }

        return [.. weights.Zip(mean, (w, average) => w + (inward * average))];
    }
}
