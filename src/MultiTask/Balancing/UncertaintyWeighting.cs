using MultiTask.Diagnostics;
using MultiTask.Numerics;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace MultiTask.Balancing;

/// <summary>Uncertainty weighting: learns each task's noise, and weighs its loss by the inverse of it.</summary>
/// <remarks>
/// <para>
/// Kendall, Gal and Cipolla, <i>Multi-Task Learning Using Uncertainty to Weigh Losses</i> (CVPR 2018), eqs. 7 and 10. With
/// s = log σ², learned for each task and starting at 0, a task contributes, by its <see cref="Likelihood"/>:
/// Gaussian ½e⁻ˢℓ + ½s; Categorical e⁻ˢℓ + ½s; Laplace (scale σ) e^(−s/2)ℓ + ½s.
/// </para>
/// <para>
/// The scalar may become negative, and falls without bound as a loss goes to 0; <c>minLogVariance</c> bounds it. The s are
/// parameters: hand <c>parameters()</c> to the optimizer (the trainer does), best without weight decay. LibMTL starts at
/// s = −0.5 and uses the Gaussian form for all tasks.
/// </para>
/// </remarks>
public sealed class UncertaintyWeighting : Scalarizer
{
    private readonly ParameterDict log_variance;
    private readonly TaskMap<Likelihood> likelihoods;
    private readonly double minimum;

    /// <summary>Uncertainty weighting, each task in the form of its kind.</summary>
    /// <param name="tasks">All tasks that may come.</param>
    /// <param name="minLogVariance">A lower bound of s, to which a step of the optimizer that went below is taken back; none by default.</param>
    public UncertaintyWeighting(IEnumerable<LearningTask> tasks, double minLogVariance = double.NegativeInfinity)
        : this(TaskMap.Create(tasks.Select(t => (t.Name, t.Likelihood))), minLogVariance)
    {
    }

    /// <summary>Uncertainty weighting, with the form of each task given.</summary>
    /// <param name="likelihoods">For all tasks that may come, the noise that their loss assumes.</param>
    /// <param name="minLogVariance">A lower bound of s, to which a step of the optimizer that went below is taken back; none by default.</param>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="minLogVariance"/> is NaN or ∞.</exception>
    public UncertaintyWeighting(TaskMap<Likelihood> likelihoods, double minLogVariance = double.NegativeInfinity)
        : base(nameof(UncertaintyWeighting))
    {
        ArgumentNullException.ThrowIfNull(likelihoods);
        this.likelihoods = likelihoods;
        minimum = minLogVariance < double.PositiveInfinity
            ? minLogVariance
            : throw new ArgumentOutOfRangeException(nameof(minLogVariance), $"`minLogVariance` should be finite, or -∞ for none. Found {minLogVariance}.");
        log_variance = TaskParameters.Of(likelihoods.Tasks, 0);
        RegisterComponents();
    }

    /// <inheritdoc/>
    /// <exception cref="ArgumentException">There is a task that the method was not built for.</exception>
    public override Tensor Scalarize(TaskMap<Tensor> losses)
    {
        ArgumentNullException.ThrowIfNull(losses);
        TaskNames.ExpectKnown(losses.Tasks, likelihoods.Tasks, nameof(UncertaintyWeighting));
        Bound(losses.Tasks);
        var values = LossVector.Of(losses);
        var s = stack(losses.Tasks.Select(task => log_variance[task])).to(values.device).to(values.dtype);
        var precisions = (s * Column(likelihood => likelihood == Likelihood.Laplace ? -0.5 : -1)).exp() * Column(likelihood => likelihood == Likelihood.Gaussian ? 0.5 : 1);
        LastWeights = TaskMap.Create(losses.Tasks.Zip(HostValues.Of(precisions)));
        return (precisions * values).sum() + (s.sum() * 0.5);

        Tensor Column(Func<Likelihood, double> value) => LossVector.Beside(values, [.. losses.Tasks.Select(task => value(likelihoods[task]))]);
    }

    /// <summary>Takes s back to its bound: a clamp in the scalar would leave it without a gradient, and it would never return.</summary>
    private void Bound(IEnumerable<string> tasks)
    {
        if (double.IsFinite(minimum))
        {
            using var off = no_grad();
            foreach (var task in tasks)
            {
                log_variance[task].clamp_min_(minimum);
            }
        }
    }
}
