using static TorchSharp.torch;

namespace MultiTask.Metrics;

/// <summary>Judges a language model by another metric: the output at position <c>i</c> answers for token <c>i + 1</c>.</summary>
/// <remarks>Targets are the tokens that were read, <c>[n, t]</c>, Int64, -100 at padding. Gathers what the inner metric gathers.</remarks>
public sealed class NextToken : Metric
{
    private readonly Metric inner;

    /// <summary>A metric of next tokens.</summary>
    /// <param name="inner">Judges the answers.</param>
    public NextToken(Metric inner)
    {
        ArgumentNullException.ThrowIfNull(inner);
        this.inner = inner;
    }

    /// <inheritdoc/>
    public override string Name => inner.Name;

    /// <inheritdoc/>
    public override bool HigherIsBetter => inner.HigherIsBetter;

    /// <inheritdoc/>
    public override void Update(Tensor output, Tensor target, Tensor? weights = null)
    {
        using var scope = NewDisposeScope();
        inner.Update(output, Of(target), weights);
    }

    /// <inheritdoc/>
    public override double Compute() => inner.Compute();

    /// <inheritdoc/>
    public override void Reset() => inner.Reset();

    /// <summary>The token after each, <c>[n, t]</c>; none, marked as missing, after the last.</summary>
    internal static Tensor Of(Tensor tokens)
    {
        var next = tokens.roll(-1, 1);
        next.narrow(1, tokens.shape[1] - 1, 1).fill_(MissingLabels.Class);
        return next;
    }
}
