using MultiTask.Numerics;
using static TorchSharp.torch;

namespace MultiTask.Balancing;

/// <summary>Losses multiplied by the weights that a loss weighting finds, for any balancer.</summary>
/// <remarks>
/// It puts a method of the loss rungs before one of the gradient rungs: <c>new WeightedLosses(new IGBv1(tasks), new CAGrad())</c>,
/// or a user's own weights before any method: <c>new WeightedLosses(new FixedWeights(tasks), new PCGrad())</c>. The weights
/// count as constants. Losses after a step have the weights that their task had in it, with several micro-batches those of the
/// last that has the task. A scalarizer that is no <see cref="LossWeighting"/> (GLS, UW, …) makes one scalar and cannot stand here.
/// </remarks>
public sealed class WeightedLosses : LossTransform
{
    private readonly LossWeighting weighting;
    private readonly Dictionary<string, double> found = new(StringComparer.Ordinal);

    /// <summary>Weighted losses.</summary>
    /// <param name="weighting">Finds the weights. From here on it belongs to this one.</param>
    /// <param name="inner">The balancer of the weighted losses. From here on it belongs to this one.</param>
    public WeightedLosses(LossWeighting weighting, Balancer inner)
        : base(nameof(WeightedLosses), inner)
    {
        ArgumentNullException.ThrowIfNull(weighting);
        this.weighting = weighting;
        RegisterComponents();
    }

    /// <inheritdoc/>
    public override TaskMap<Tensor> Transform(TaskMap<Tensor> losses)
    {
        ArgumentNullException.ThrowIfNull(losses);
        var values = HostValues.Of(losses);
        foreach (var (task, weight) in TaskWeights.Checked(weighting.Weigh(values), values, weighting))
        {
            found[task] = weight;
        }

        return TransformAgain(losses);
    }

    /// <inheritdoc/>
    public override void EndStep(Func<TaskMap<Tensor>> losses)
    {
        weighting.EndStep(losses);
        base.EndStep(losses);
    }

    /// <inheritdoc/>
    public override void EndEpoch()
    {
        weighting.EndEpoch();
        base.EndEpoch();
    }

    /// <inheritdoc/>
    public override void Reset()
    {
        weighting.Reset();
        base.Reset();
    }

    /// <inheritdoc/>
    protected override TaskMap<Tensor> TransformAgain(TaskMap<Tensor> losses) => losses.Map((task, loss) => loss * found[task]);
}
