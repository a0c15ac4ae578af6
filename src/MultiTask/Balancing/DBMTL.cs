using MultiTask.Diagnostics;
using static TorchSharp.torch;

namespace MultiTask.Balancing;

/// <summary>DB-MTL, dual balancing: logarithms balance the losses, and the longest gradient's length balances the gradients.</summary>
/// <remarks>
/// <para>
/// Lin et al., <i>Dual-Balancing for Multi-Task Learning</i> (2023): gᵢ is the gradient of log ℓᵢ; each task's gradients are
/// averaged, ĝᵢ ← βₖ ĝᵢ + (1 − βₖ) gᵢ from ĝᵢ = 0, with βₖ = β / kᵟ in the task's k-th step; the step goes along
/// Σ αᵢ ĝᵢ with αᵢ = maxⱼ ‖ĝⱼ‖ / ‖ĝᵢ‖. Heads get the gradient of their log loss, as in the authors' code.
/// <see cref="Balancer.LastWeights"/> are the αᵢ, and <see cref="Balancer.LastGramian"/> is that of the ĝᵢ.
/// </para>
/// <para>
/// As published the average is not corrected for its start: with β = 0.9 and no decay the first step is a tenth as long. The
/// authors' code (LibMTL) adds 1e-8 to losses and norms; here losses must be positive, and a gradient that is zero has the
/// weight 0. With β = 0 nothing is remembered, and the method can be balanced at the representation.
/// </para>
/// </remarks>
public sealed class DBMTL : LossTransform
{
    /// <summary>DB-MTL.</summary>
    /// <param name="tasks">All tasks that may come.</param>
    /// <param name="forgetting">β in [0, 1): the part of the average that stays. The default is 0.9, that of the authors' code.</param>
    /// <param name="decay">δ ≥ 0: how fast β falls over the steps. The default is 0: not at all.</param>
    /// <exception cref="ArgumentException">An argument is out of its range, or names are not distinct.</exception>
    public DBMTL(IEnumerable<string> tasks, double forgetting = 0.9, double decay = 0)
        : base(nameof(DBMTL), new MaxNorm(tasks, Arguments.Part(forgetting, nameof(forgetting)), Arguments.NonNegative(decay, nameof(decay)))) =>
        RegisterComponents();

    /// <summary>DB-MTL.</summary>
    /// <param name="tasks">All tasks that may come.</param>
    /// <param name="forgetting">β in [0, 1): the part of the average that stays. The default is 0.9, that of the authors' code.</param>
    /// <param name="decay">δ ≥ 0: how fast β falls over the steps. The default is 0: not at all.</param>
    /// <exception cref="ArgumentException">An argument is out of its range, or names are not distinct.</exception>
    public DBMTL(IEnumerable<LearningTask> tasks, double forgetting = 0.9, double decay = 0)
        : this(tasks.Select(t => t.Name), forgetting, decay)
    {
    }

    /// <inheritdoc/>
    /// <exception cref="ArgumentException">A loss is negative.</exception>
    /// <exception cref="NonFiniteException">A loss is 0: its logarithm is infinite.</exception>
    public override TaskMap<Tensor> Transform(TaskMap<Tensor> losses)
    {
        ArgumentNullException.ThrowIfNull(losses);
        return PositiveLosses.Logarithms(losses, nameof(DBMTL));
    }
}
