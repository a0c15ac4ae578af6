using MultiTask.Numerics;

namespace MultiTask.Balancing;

/// <summary>DualProj: the mean of the gradients, less what is in conflict with any task.</summary>
/// <remarks>
/// Lopez-Paz and Ranzato, <i>Gradient Episodic Memory for Continual Learning</i> (NeurIPS 2017), eq. 11: the projection of a
/// gradient onto the cone {d : gᵢ·d ≥ 0 for all i}. There it is the gradient of the newest task, here, as TorchJD has it under
/// this name, the mean of all. It conflicts with no task and is the mean where no task is in conflict with it; but a task
/// with a large gradient leaves the others no more than that. The projection is exact; TorchJD adds 1e-4 of the Gramian's
/// trace to its diagonal, and gives the mean where the trace is less than 1e-4. A gradient that is exactly zero is in
/// conflict with nothing, and its task has the mean's weight.
/// </remarks>
public sealed class DualProj : GramianWeighting
{
    private readonly Preferences preferences;

    /// <summary>DualProj.</summary>
    /// <param name="preferences">
    /// How much each task counts in the mean, positive, for all tasks that may come; only ratios count. By default all count
    /// the same.
    /// </param>
    /// <exception cref="ArgumentException">A preference is not positive and finite.</exception>
    public DualProj(TaskMap<double>? preferences = null)
        : base(nameof(DualProj))
    {
        this.preferences = new(preferences, nameof(DualProj));
    }

    /// <inheritdoc/>
    /// <exception cref="ArgumentException">There is a task without a preference.</exception>
    public override double[] Weigh(Gramian gramian)
    {
        ArgumentNullException.ThrowIfNull(gramian);
        return new DualCone(gramian).Project(preferences.Of(gramian.Tasks)).Weights;
    }
}
