using MultiTask.Diagnostics;
using MultiTask.Numerics;
using static TorchSharp.torch;

namespace MultiTask.Balancing;

/// <summary>Smooth Tchebycheff scalarization: a smooth maximum of the weighted distances of the losses from their ideals.</summary>
/// <remarks>
/// <para>
/// Lin et al., <i>Smooth Tchebycheff Scalarization for Multi-Objective Optimization</i> (ICML 2024):
/// μ log Σ exp(λᵢ(ℓᵢ − z*ᵢ)/μ). The smaller μ, the closer it is to <see cref="Tchebycheff"/>, and like that it reaches every
/// Pareto point for some λ, on concave fronts too. With a nadir point n the distances are (ℓᵢ − z*ᵢ)/(nᵢ − z*ᵢ), which are 0 at
/// the ideal and 1 at the nadir point.
/// </para>
/// <para>
/// Built for named tasks it is what the authors' code does in multi-task learning: a warm-up with Σ log ℓᵢ, in whose
/// last epoch each task's mean loss n is taken, then the same formula for log(ℓᵢ/nᵢ) with mλ for λ, times m. So at equal
/// preferences the weights of the log losses sum to m, before and after. Losses must then be positive. A step is one of the
/// warm-up as long as one of its tasks has no n. The authors add 1e-20 to losses and have no preferences there; LibMTL has
/// their code, TorchJD the formula alone.
/// </para>
/// </remarks>
public sealed class STCH : Scalarizer
{
    private readonly double mu;
    private readonly Preferences preferences;
    private readonly IdealPoint ideal;
    private readonly TaskMap<double>? nadir;
    private readonly BaseLosses? warm_up;

    /// <summary>The paper's formula, with points that are given.</summary>
    /// <param name="mu">μ > 0, the smoothness; 1 by default, as in the authors' code. The paper tries 0.01 to 1.</param>
    /// <param name="preferences">λ, by task: positive; they are divided by their sum. The same for all by default.</param>
    /// <param name="ideal">z*, by task: the best loss that each could reach, or less. 0 by default.</param>
    /// <param name="nadir">n, by task, above the ideal: a bad loss, such as an untrained network's. By default distances are not scaled.</param>
    /// <exception cref="ArgumentException">
    /// μ is not positive, a preference not positive and finite, an ideal loss not finite, or a nadir not above the ideal.
    /// </exception>
    public STCH(double mu = 1, TaskMap<double>? preferences = null, TaskMap<double>? ideal = null, TaskMap<double>? nadir = null)
        : this(mu, preferences, ideal, nadir, null)
    {
    }

    /// <summary>The authors' procedure in multi-task learning, with a warm-up.</summary>
    /// <param name="tasks">All tasks that may come.</param>
    /// <param name="mu">μ > 0, the smoothness; 1 by default, as in the authors' code.</param>
    /// <param name="preferences">λ, by task: positive; only their ratios count. The same for all by default.</param>
    /// <param name="warmUpEpochs">How many epochs the warm-up has, at least 1; 5 by default, as in the authors' code. Needs <see cref="EndEpoch"/>.</param>
    /// <param name="warmUpSteps">In place of epochs: how many steps of a task the warm-up has, at least 1; n is the mean over all of them.</param>
    /// <exception cref="ArgumentException">An argument is out of its range, or names are not distinct.</exception>
    public STCH(IEnumerable<string> tasks, double mu = 1, TaskMap<double>? preferences = null, int warmUpEpochs = 5, int? warmUpSteps = null)
        : this(mu, preferences, null, null, new(tasks, Arguments.AtLeastOne(warmUpEpochs, nameof(warmUpEpochs)) - 1, warmUpSteps is { } n ? Arguments.AtLeastOne(n, nameof(warmUpSteps)) : null))
    {
    }

    /// <summary>The authors' procedure in multi-task learning, with a warm-up.</summary>
    /// <param name="tasks">All tasks that may come.</param>
    /// <param name="mu">μ > 0, the smoothness; 1 by default, as in the authors' code.</param>
    /// <param name="preferences">λ, by task: positive; only their ratios count. The same for all by default.</param>
    /// <param name="warmUpEpochs">How many epochs the warm-up has, at least 1; 5 by default, as in the authors' code. Needs <see cref="EndEpoch"/>.</param>
    /// <param name="warmUpSteps">In place of epochs: how many steps of a task the warm-up has, at least 1; n is the mean over all of them.</param>
    /// <exception cref="ArgumentException">An argument is out of its range, or names are not distinct.</exception>
    public STCH(IEnumerable<LearningTask> tasks, double mu = 1, TaskMap<double>? preferences = null, int warmUpEpochs = 5, int? warmUpSteps = null)
        : this(tasks.Select(t => t.Name), mu, preferences, warmUpEpochs, warmUpSteps)
    {
    }

    private STCH(double mu, TaskMap<double>? preferences, TaskMap<double>? ideal, TaskMap<double>? nadir, BaseLosses? warmUp)
        : base(nameof(STCH))
    {
        this.mu = Arguments.Positive(mu, nameof(mu));
        this.preferences = new(preferences, nameof(STCH));
        this.ideal = new(ideal, nameof(STCH));
        this.nadir = nadir;
        foreach (var (task, value) in nadir ?? [])
        {
            var best = this.ideal.Of([task])[0];
            if (!(value > best) || !double.IsFinite(value))
            {
                throw new ArgumentException($"Task '{task}': its nadir should be finite and above its ideal, {best}. Found {value}.", nameof(nadir));
            }
        }

        warm_up = warmUp;
        RegisterComponents();
    }

    /// <inheritdoc/>
    /// <exception cref="ArgumentException">
    /// A task has no preference, ideal or nadir, but others were given one; with a warm-up: there is a task that the
    /// method was not built for, or a negative loss.
    /// </exception>
    /// <exception cref="NonFiniteException">With a warm-up: a loss is 0, its logarithm is infinite.</exception>
    public override Tensor Scalarize(TaskMap<Tensor> losses)
    {
        ArgumentNullException.ThrowIfNull(losses);
        var vector = LossVector.Of(losses);
        var lambda = preferences.Of(losses.Tasks);
        if (warm_up is null)
        {
            return SmoothMaximum(Distances(vector, losses.Tasks), lambda);
        }

        var known = Known(warm_up, HostValues.Of(losses));
        return known is null
            ? vector.log().sum()
            : losses.Count * SmoothMaximum(vector.log() - LossVector.Beside(vector, Array.ConvertAll(known, n => Math.Log(n))), [.. lambda.Select(l => l * losses.Count)]);
    }

    /// <inheritdoc/>
    public override void EndEpoch() => warm_up?.EndEpoch();

    /// <inheritdoc/>
    public override void Reset() => warm_up?.Clear();

    /// <summary>What each task's loss is measured against, or <c>null</c> in a step of the warm-up.</summary>
    private static double[]? Known(BaseLosses warmUp, TaskMap<double> losses)
    {
        TaskNames.ExpectKnown(losses.Tasks, warmUp.Tasks, nameof(STCH));
        PositiveLosses.Expect(losses, nameof(STCH));
        var known = losses.Tasks.Select(task => warmUp[task]).OfType<double>().ToArray();
        warmUp.Add(losses);
        return known.Length == losses.Count ? known : null;
    }

    /// <summary>(ℓ − z*)/(n − z*), or ℓ − z* where there is no nadir point.</summary>
    private Tensor Distances(Tensor vector, IReadOnlyList<string> tasks)
    {
        var best = ideal.Of(tasks);
        var distances = vector - LossVector.Beside(vector, best);
        if (nadir is null)
        {
            return distances;
        }

        TaskNames.ExpectKnown(tasks, nadir.Tasks, nameof(STCH));
        return distances / LossVector.Beside(vector, [.. tasks.Select((task, i) => nadir[task] - best[i])]);
    }

    /// <summary>μ log Σ exp(λᵢyᵢ/μ). Relative to the largest, for λy/μ may be out of the range of a double.</summary>
    private Tensor SmoothMaximum(Tensor y, double[] lambda)
    {
        var weighted = y * LossVector.Beside(y, lambda);
        var largest = weighted.detach().amax(0L);
        return (mu * ((weighted - largest) / mu).logsumexp(0L)) + largest;
    }
}
