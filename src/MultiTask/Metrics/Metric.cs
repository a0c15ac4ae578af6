using static TorchSharp.torch;

namespace MultiTask.Metrics;

/// <summary>A figure of merit that is gathered batch by batch.</summary>
/// <remarks>
/// The value over many batches equals the value over their union. What is gathered lies on the host, in float64, and is
/// named in each metric's remarks; no tensor is kept. Gradients are neither needed nor recorded. Class weights, positive
/// weights and label smoothing are the loss's and do not enter; sample weights do, and a sample of weight 0 is not seen.
/// </remarks>
public abstract class Metric
{
    /// <summary>The metric's short name, as it stands in reports: <c>rmse</c>, <c>accuracy</c>, <c>roc_auc</c>.</summary>
    public abstract string Name { get; }

    /// <summary>Whether a higher value is a better one.</summary>
    public abstract bool HigherIsBetter { get; }

    /// <summary>Takes in a batch.</summary>
    /// <param name="output">The head's raw output, as the task's loss takes it.</param>
    /// <param name="target">The labels, as the task's loss takes them; missing ones (<see cref="MissingLabels"/>) are passed over.</param>
    /// <param name="weights">A weight ≥ 0 for each sample, shape <c>[n]</c>; none means 1.</param>
    /// <exception cref="ArgumentException">The shapes do not fit; the message names the metric, what was expected and what was found.</exception>
    public abstract void Update(Tensor output, Tensor target, Tensor? weights = null);

    /// <summary>The value over all that was taken in since the last <see cref="Reset"/>; NaN where it is not defined (nothing seen, one class only, …).</summary>
    public abstract double Compute();

    /// <summary>Forgets all that was taken in.</summary>
    public abstract void Reset();
}
