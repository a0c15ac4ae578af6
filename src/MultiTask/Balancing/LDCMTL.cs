using MultiTask.Diagnostics;
using MultiTask.Numerics;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace MultiTask.Balancing;

/// <summary>Loss discrepancy control: learns weights for which the weighted losses are alike.</summary>
/// <remarks>
/// <para>
/// Xiao et al., <i>LDC-MTL: Balancing Multi-Task Learning through Scalable Loss Discrepancy Control</i> (2025, arXiv
/// 2502.08585): a bilevel problem, of which the single-loop algorithm takes one gradient of
/// Σ σᵢℓᵢ + λ Σ |τᵢℓᵢ − τᵢ₊₁ℓᵢ₊₁|, with τ = σ or τ = 1, by the network and the weights together. As in the authors' code the first sum is divided by
/// Σ σ, held fixed, and the router is one learned number a task, σᵢ = sigmoid(θᵢ), starting at θ = 1 (the paper describes one
/// that reads the shared features). The θ are parameters: hand <c>parameters()</c> to the optimizer (the trainer does).
/// </para>
/// <para>
/// The discrepancies are those of neighbours in the order in which the tasks were named; of absent tasks there are none. The
/// authors divide losses by their first values where the scales differ: put <see cref="RelativeLosses"/> around it.
/// </para>
/// </remarks>
public sealed class LDCMTL : Scalarizer
{
    private readonly string[] tasks;
    private readonly double penalty;
    private readonly bool weighDiscrepancies;
    private readonly ParameterDict router;

    /// <summary>Loss discrepancy control.</summary>
    /// <param name="tasks">All tasks that may come; their order says which are neighbours.</param>
    /// <param name="penalty">λ ≥ 0, what the discrepancies count; 0.05 by default. The authors use 0.01 (CelebA) to 0.1 (Cityscapes).</param>
    /// <param name="weighDiscrepancies">Whether discrepancies are those of the weighted losses, τ = σ (the default), or of the losses, τ = 1.</param>
    /// <exception cref="ArgumentException">The penalty is negative or not finite, or names are not distinct.</exception>
    public LDCMTL(IEnumerable<string> tasks, double penalty = 0.05, bool weighDiscrepancies = true)
        : base(nameof(LDCMTL))
    {
        this.tasks = [.. tasks];
        this.penalty = Arguments.NonNegative(penalty, nameof(penalty));
        this.weighDiscrepancies = weighDiscrepancies;
        router = TaskParameters.Of(this.tasks, 1);
        RegisterComponents();
    }

    /// <summary>Loss discrepancy control.</summary>
    /// <param name="tasks">All tasks that may come; their order says which are neighbours.</param>
    /// <param name="penalty">λ ≥ 0, what the discrepancies count; 0.05 by default. The authors use 0.01 (CelebA) to 0.1 (Cityscapes).</param>
    /// <param name="weighDiscrepancies">Whether discrepancies are those of the weighted losses, τ = σ (the default), or of the losses, τ = 1.</param>
    /// <exception cref="ArgumentException">The penalty is negative or not finite, or names are not distinct.</exception>
    public LDCMTL(IEnumerable<LearningTask> tasks, double penalty = 0.05, bool weighDiscrepancies = true)
        : this(tasks.Select(t => t.Name), penalty, weighDiscrepancies)
    {
    }

    /// <inheritdoc/>
    /// <exception cref="ArgumentException">There is a task that the method was not built for.</exception>
    public override Tensor Scalarize(TaskMap<Tensor> losses)
    {
        ArgumentNullException.ThrowIfNull(losses);
        TaskNames.ExpectKnown(losses.Tasks, tasks, nameof(LDCMTL));
        var present = TaskMap.Create(tasks.Where(losses.Contains).Select(task => (task, losses[task])));
        var vector = LossVector.Of(present);
        var logWeights = nn.functional.logsigmoid(LossVector.Of(present.Map((task, _) => (Tensor)router[task])).to(vector.device));

        // σ/Σσ by logarithms, for all σ may be below the range of a double.
        var shares = (logWeights - logWeights.detach().logsumexp(0L)).exp();
        var measured = weighDiscrepancies ? logWeights.exp() * vector : vector;
        var last = present.Count - 1;
        var gaps = (measured.narrow(0, 0, last) - measured.narrow(0, 1, last)).abs();

        var values = HostValues.Of(shares);
        var next = 0;
        var weights = present.Map((_, _) => values[next++]);
        LastWeights = losses.Map((task, _) => weights[task]);
        return (shares * vector).sum() + (penalty * gaps.sum());
    }
}
