namespace MultiTask.Metrics;

/// <summary>The coefficient of determination: <c>1 − Σ (y − ŷ)² / Σ (y − ȳ)²</c>, 1 at best, 0 for the mean, below 0 for worse.</summary>
/// <remarks>scikit-learn's <c>r2_score</c>; see <see cref="VarianceMetric"/>.</remarks>
public sealed class R2 : VarianceMetric
{
    /// <inheritdoc/>
    public override string Name => "r2";

    private protected override double Unexplained(RunningMoments error) => error.Deviation + (error.Weight * error.Mean * error.Mean);
}
