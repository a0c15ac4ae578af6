namespace MultiTask.Metrics;

/// <summary><c>1 − Var(y − ŷ) / Var(y)</c>: R² that does not mind a constant offset.</summary>
/// <remarks>scikit-learn's <c>explained_variance_score</c>; see <see cref="VarianceMetric"/>.</remarks>
public sealed class ExplainedVariance : VarianceMetric
{
    /// <inheritdoc/>
    public override string Name => "explained_variance";

    private protected override double Unexplained(RunningMoments error) => error.Deviation;
}
