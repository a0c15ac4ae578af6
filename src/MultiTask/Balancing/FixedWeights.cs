using MultiTask.Diagnostics;

namespace MultiTask.Balancing;

/// <summary>The weighted sum of the losses, with weights that its user chose.</summary>
public sealed class FixedWeights : LossWeighting
{
    private readonly TaskMap<double> weights;

    /// <summary>Weights by task.</summary>
    /// <param name="weights">A weight ≥ 0, finite, for every task that will come.</param>
    /// <exception cref="ArgumentException">There is none, or one is negative or not finite.</exception>
    public FixedWeights(TaskMap<double> weights)
        : base(nameof(FixedWeights))
    {
        ArgumentNullException.ThrowIfNull(weights);
        if (weights.Count == 0)
        {
            throw new ArgumentException("There should be at least one weight. Found none.", nameof(weights));
        }

        foreach (var (task, weight) in weights)
        {
            if (!(weight >= 0) || !double.IsFinite(weight))
            {
                throw new ArgumentException($"Task '{task}': the weight should be non-negative and finite. Found {weight}.", nameof(weights));
            }
        }

        this.weights = weights;
    }

    /// <summary>The weights that the tasks carry themselves: <see cref="LearningTask.Weight"/>.</summary>
    /// <param name="tasks">The tasks.</param>
    public FixedWeights(IEnumerable<LearningTask> tasks)
        : this(TaskMap.Create(tasks.Select(t => (t.Name, t.Weight))))
    {
    }

    /// <inheritdoc/>
    /// <exception cref="ArgumentException">A loss has no weight.</exception>
    public override double[] Weigh(TaskMap<double> losses)
    {
        ArgumentNullException.ThrowIfNull(losses);
        TaskNames.ExpectKnown(losses.Tasks, weights.Tasks, nameof(FixedWeights));
        return [.. losses.Tasks.Select(task => weights[task])];
    }
}
