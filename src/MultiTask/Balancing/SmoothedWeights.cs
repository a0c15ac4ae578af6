using MultiTask.Diagnostics;

namespace MultiTask.Balancing;

/// <summary>Another balancer's weights, averaged over the steps, so that the noise of single batches does not steer them: CR-MOGM.</summary>
/// <remarks>
/// Zhou et al., <i>On the Convergence of Stochastic Multi-Objective Gradient Manipulation and Beyond</i> (NeurIPS 2022):
/// λₖ = α λₖ₋₁ + (1 − α) λ̂ₖ, with λ̂ₖ what the inner balancer finds in step k. A task begins with the first weight that was
/// found for it, and keeps its average while it is absent.
/// </remarks>
public sealed class SmoothedWeights : WeightTransform
{
    private readonly double smoothing;
    private readonly TaskMemory average;

    /// <summary>Weights averaged over the steps.</summary>
    /// <param name="tasks">All tasks that may come.</param>
    /// <param name="inner">The balancer that finds the weights. From here on it belongs to this one.</param>
    /// <param name="smoothing">α in [0, 1): the part of the average that stays; 0 changes nothing. The default is 0.9.</param>
    /// <exception cref="ArgumentException"><paramref name="smoothing"/> is not in [0, 1), or names are not distinct.</exception>
    public SmoothedWeights(IEnumerable<string> tasks, GramianWeighting inner, double smoothing = 0.9)
        : base(nameof(SmoothedWeights), inner)
    {
        this.smoothing = Arguments.Part(smoothing, nameof(smoothing));
        average = new(tasks, length: 1, initial: double.NaN);
        RegisterComponents();
    }

    /// <summary>Weights averaged over the steps.</summary>
    /// <param name="tasks">All tasks that may come.</param>
    /// <param name="inner">The balancer that finds the weights. From here on it belongs to this one.</param>
    /// <param name="smoothing">α in [0, 1): the part of the average that stays; 0 changes nothing. The default is 0.9.</param>
    /// <exception cref="ArgumentException"><paramref name="smoothing"/> is not in [0, 1), or names are not distinct.</exception>
    public SmoothedWeights(IEnumerable<LearningTask> tasks, GramianWeighting inner, double smoothing = 0.9)
        : this(tasks.Select(t => t.Name), inner, smoothing)
    {
    }

    /// <inheritdoc/>
    /// <exception cref="ArgumentException">There is a task that the method was not built for.</exception>
    public override double[] Transform(Gramian gramian, double[] weights)
    {
        ArgumentNullException.ThrowIfNull(gramian);
        ArgumentNullException.ThrowIfNull(weights);
        TaskNames.ExpectKnown(gramian.Tasks, average.Tasks, nameof(SmoothedWeights));
        return [.. gramian.Tasks.Zip(weights, Smooth)];
    }

    /// <inheritdoc/>
    public override void Reset()
    {
        base.Reset();
        average.Clear();
    }

    private double Smooth(string task, double found)
    {
        var before = average[task][0];
        var now = double.IsNaN(before) ? found : (smoothing * before) + ((1 - smoothing) * found);
        average[task] = [now];
        return now;
    }
}
