using static TorchSharp.torch;

namespace MultiTask.Balancing;

/// <summary>The logarithm of each loss, for any balancer: the scale of a task's loss no longer matters.</summary>
/// <remarks>
/// With the default, the sum, this is the scale-invariant loss Σ log ℓᵢ: each gradient is divided by its loss. Losses
/// must be positive; other libraries take log(1 + ℓ) or add an ε, which brings the scale back for small losses.
/// </remarks>
public sealed class LogLosses : LossTransform
{
    /// <summary>The sum of the log losses: scale-invariant loss weighting.</summary>
    public LogLosses()
        : this(new EqualWeights())
    {
    }

    /// <summary>Another balancer of the log losses.</summary>
    /// <param name="inner">The balancer of the log losses. From here on it belongs to this one.</param>
    public LogLosses(Balancer inner)
        : base(nameof(LogLosses), inner) => RegisterComponents();

    /// <inheritdoc/>
    /// <exception cref="ArgumentException">A loss is negative.</exception>
    /// <exception cref="NonFiniteException">A loss is 0: its logarithm is infinite.</exception>
    public override TaskMap<Tensor> Transform(TaskMap<Tensor> losses)
    {
        ArgumentNullException.ThrowIfNull(losses);
        return PositiveLosses.Logarithms(losses, nameof(LogLosses));
    }
}
