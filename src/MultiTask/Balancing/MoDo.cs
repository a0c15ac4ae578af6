using MultiTask.Diagnostics;
using MultiTask.Numerics;

namespace MultiTask.Balancing;

/// <summary>MoDo: MGDA with one step of its weights a step, found from two independent samples, so that noise does not bias them.</summary>
/// <remarks>
/// Chen et al., <i>Three-Way Trade-Off in Multi-Objective Learning</i> (NeurIPS 2023), algorithm 1, with Π the projection onto
/// the simplex: λ ← Π(λ − γ (J(ξ) J(ξ′)ᵀ + ρI) λ), from λ = 1/m; the step goes along J(ζ)ᵀλ. To be what it is it needs two
/// micro-batches, better three: see <see cref="StochasticWeighting"/>. γ should suit the size of the gradients, as their
/// squares are in the step of λ. With two samples the authors' code steps along their sum in one file and their mean in
/// another; here it is the mean. Absent tasks keep their λ; the others share the weight that they have together.
/// </remarks>
public sealed class MoDo : StochasticWeighting
{
    private readonly double gamma;
    private readonly double rho;
    private readonly SimplexMemory lambda;

    /// <summary>MoDo.</summary>
    /// <param name="tasks">All tasks that may come.</param>
    /// <param name="gamma">γ > 0: the step size of λ; the default is 0.1, that of the authors' code (LibMTL: 0.001).</param>
    /// <param name="rho">ρ ≥ 0: draws λ towards equal weights; the default is 0.1, that of the authors' code.</param>
    /// <exception cref="ArgumentException">An argument is out of its range, or names are not distinct.</exception>
    public MoDo(IEnumerable<string> tasks, double gamma = 0.1, double rho = 0.1)
        : base(nameof(MoDo))
    {
        this.gamma = Arguments.Positive(gamma, nameof(gamma));
        this.rho = Arguments.NonNegative(rho, nameof(rho));
        lambda = new(tasks, nameof(MoDo));
        RegisterComponents();
    }

    /// <summary>MoDo.</summary>
    /// <param name="tasks">All tasks that may come.</param>
    /// <param name="gamma">γ > 0: the step size of λ; the default is 0.1, that of the authors' code (LibMTL: 0.001).</param>
    /// <param name="rho">ρ ≥ 0: draws λ towards equal weights; the default is 0.1, that of the authors' code.</param>
    /// <exception cref="ArgumentException">An argument is out of its range, or names are not distinct.</exception>
    public MoDo(IEnumerable<LearningTask> tasks, double gamma = 0.1, double rho = 0.1)
        : this(tasks.Select(t => t.Name), gamma, rho)
    {
    }

    /// <inheritdoc/>
    /// <exception cref="ArgumentException">There is a task that the method was not built for.</exception>
    public override double[] Weigh(TaskMap<double> losses, double[,] products)
    {
        ArgumentNullException.ThrowIfNull(losses);
        ArgumentNullException.ThrowIfNull(products);
        var weights = lambda.Of(losses.Tasks);
        weights = SimplexProjection.Of([.. weights.Select((w, i) => w - (gamma * (Row(i) + (rho * w))))]);
        lambda.Keep(losses.Tasks, weights);
        return weights;

        double Row(int i) => weights.Select((w, j) => products[i, j] * w).Sum();
    }

    /// <inheritdoc/>
    public override void Reset() => lambda.Clear();
}
