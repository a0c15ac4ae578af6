using static TorchSharp.torch;

namespace MultiTask.Balancing;

/// <summary>The Tchebycheff scalarization: the largest weighted distance of a loss from its ideal, maxᵢ λᵢ |ℓᵢ − z*ᵢ|.</summary>
/// <remarks>
/// Bowman, <i>On the relationship of the Tchebycheff norm and the efficient frontier of multiple-criteria objectives</i>
/// (1976). Its minimum has λᵢ (ℓᵢ − z*ᵢ) equal for all tasks, where the Pareto front allows it, and every Pareto point is
/// the minimum for some λ, on concave fronts too, where a weighted sum finds the ends only. In each step only the worst task
/// learns; where several are equally bad, they share the step in equal parts. <see cref="STCH"/> is its smooth version.
/// </remarks>
public sealed class Tchebycheff : Scalarizer
{
    private readonly Preferences preferences;
    private readonly IdealPoint ideal;

    /// <summary>The Tchebycheff scalarization.</summary>
    /// <param name="preferences">λ, by task: positive; they are divided by their sum. The same for all by default.</param>
    /// <param name="ideal">z*, by task: the best loss that each could reach, or less. 0 by default.</param>
    /// <exception cref="ArgumentException">A preference is not positive and finite, or an ideal loss not finite.</exception>
    public Tchebycheff(TaskMap<double>? preferences = null, TaskMap<double>? ideal = null)
        : base(nameof(Tchebycheff))
    {
        this.preferences = new(preferences, nameof(Tchebycheff));
        this.ideal = new(ideal, nameof(Tchebycheff));
    }

    /// <inheritdoc/>
    /// <exception cref="ArgumentException">A task has no preference or no ideal loss, but others were given one.</exception>
    public override Tensor Scalarize(TaskMap<Tensor> losses)
    {
        ArgumentNullException.ThrowIfNull(losses);
        var vector = LossVector.Of(losses);
        var distances = (vector - LossVector.Beside(vector, ideal.Of(losses.Tasks))).abs()
            * LossVector.Beside(vector, preferences.Of(losses.Tasks));
        return distances.amax(0L);
    }
}
