using MultiTask.Diagnostics;
using MultiTask.Numerics;
using static TorchSharp.torch;

namespace MultiTask.Balancing;

/// <summary>MoCo: MGDA on gradients that are averaged over the steps, so that the noise of single batches does not bias it.</summary>
/// <remarks>
/// <para>
/// Fernando et al., <i>Mitigating Gradient Bias in Multi-objective Learning: A Provably Convergent Approach</i> (ICLR 2023),
/// algorithm 1. In step k, with rows yᵢ in Y and Π the projection onto the simplex: yᵢ ← yᵢ − βₖ (yᵢ − gᵢ), from yᵢ = 0;
/// λ ← Π(λ − γₖ (Y Yᵀ + ρI) λ), from λ = 1/m; and the step goes along Yᵀλ. βₖ = β/kᵟ and γₖ = γ/kᵋ. The order is that of the
/// authors' code; with y and λ as before the step, the first would go nowhere.
/// </para>
/// <para>
/// The paper also keeps each yᵢ within a ball, whose radius is the Lipschitz constant of the loss and not known in practice; that is
/// left out, as in LibMTL. LibMTL, whose defaults these are, takes a softmax in place of the projection, and gradients divided by their norm and
/// multiplied by their loss. Here it is the paper's formula; so γ should suit the size of the gradients, as their squares
/// are in the step of λ. <see cref="Balancer.LastWeights"/> is λ, and <see cref="Balancer.LastGramian"/> that of the yᵢ.
/// Absent tasks keep their y and λ; the others share the weight that they have together.
/// </para>
/// </remarks>
public sealed class MoCo : GradientAggregator
{
    private readonly Settings settings;
    private readonly GradientAverages tracked;
    private readonly SimplexMemory lambda;

    /// <summary>MoCo.</summary>
    /// <param name="tasks">All tasks that may come.</param>
    /// <param name="beta">β in (0, 1]: the part of the new gradient in the average; the default is 0.5.</param>
    /// <param name="betaDecay">δ ≥ 0: how fast β falls over the steps that a task is in; the default is 0.5, and 0 keeps it.</param>
    /// <param name="gamma">γ > 0: the step size of λ; the default is 0.1.</param>
    /// <param name="gammaDecay">ε ≥ 0: how fast γ falls over the steps; the default is 0.5, and 0 keeps it.</param>
    /// <param name="rho">ρ ≥ 0: draws λ towards equal weights; the default is 0.</param>
    /// <exception cref="ArgumentException">An argument is out of its range, or names are not distinct.</exception>
    public MoCo(IEnumerable<string> tasks, double beta = 0.5, double betaDecay = 0.5, double gamma = 0.1, double gammaDecay = 0.5, double rho = 0)
        : base(nameof(MoCo))
    {
        if (beta is not (> 0 and <= 1))
        {
            throw new ArgumentOutOfRangeException(nameof(beta), $"`beta` should be in (0, 1]. Found {beta}.");
        }

        settings = new(
            beta,
            Arguments.NonNegative(betaDecay, nameof(betaDecay)),
            Arguments.Positive(gamma, nameof(gamma)),
            Arguments.NonNegative(gammaDecay, nameof(gammaDecay)),
            Arguments.NonNegative(rho, nameof(rho)));
        string[] names = [.. tasks];
        tracked = new(names, nameof(MoCo));
        lambda = new(names, nameof(MoCo));
        RegisterComponents();
    }

    /// <summary>MoCo.</summary>
    /// <param name="tasks">All tasks that may come.</param>
    /// <param name="beta">β in (0, 1]: the part of the new gradient in the average; the default is 0.5.</param>
    /// <param name="betaDecay">δ ≥ 0: how fast β falls over the steps that a task is in; the default is 0.5, and 0 keeps it.</param>
    /// <param name="gamma">γ > 0: the step size of λ; the default is 0.1.</param>
    /// <param name="gammaDecay">ε ≥ 0: how fast γ falls over the steps; the default is 0.5, and 0 keeps it.</param>
    /// <param name="rho">ρ ≥ 0: draws λ towards equal weights; the default is 0.</param>
    /// <exception cref="ArgumentException">An argument is out of its range, or names are not distinct.</exception>
    public MoCo(IEnumerable<LearningTask> tasks, double beta = 0.5, double betaDecay = 0.5, double gamma = 0.1, double gammaDecay = 0.5, double rho = 0)
        : this(tasks.Select(t => t.Name), beta, betaDecay, gamma, gammaDecay, rho)
    {
    }

    /// <inheritdoc/>
    public override bool RemembersGradients => settings is not { Beta: 1, BetaDecay: 0 };

    /// <inheritdoc/>
    /// <exception cref="ArgumentException">There is a task that the method was not built for.</exception>
    public override Tensor Aggregate(Jacobian jacobian)
    {
        ArgumentNullException.ThrowIfNull(jacobian);
        using var scope = NewDisposeScope();
        var weights = lambda.Of(jacobian.Tasks);
        var y = tracked.Next(jacobian, RemembersGradients ? k => settings.Beta / Math.Pow(k, settings.BetaDecay) : null);
        LastGramian = y.ToGramian();
        var gamma = settings.Gamma / Math.Pow(jacobian.Tasks.Max(tracked.Steps), settings.GammaDecay);
        var slope = LastGramian.Times(weights);
        weights = SimplexProjection.Of([.. weights.Select((w, i) => w - (gamma * (slope[i] + (settings.Rho * w))))]);
        lambda.Keep(jacobian.Tasks, weights);
        LastWeights = TaskMap.Create(jacobian.Tasks.Zip(weights));
        return y.Combine(weights).MoveToOuterDisposeScope();
    }

    /// <inheritdoc/>
    public override void Reset()
    {
        tracked.Clear();
        lambda.Clear();
    }

    private sealed record Settings(double Beta, double BetaDecay, double Gamma, double GammaDecay, double Rho);
}
