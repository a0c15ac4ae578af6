using FluentAssertions;
using MultiTask.Metrics;
using TorchSharp;
using Xunit;
using static TorchSharp.torch;

namespace MultiTask.Tests.Metrics;

/// <summary>Against scikit-learn 1.2.1, <c>sample_weight</c> where weighted.</summary>
public class RegressionMetricTests
{
    private static readonly double[] Y = [3, -0.5, 2, 7, 4.25, -1.5];
    private static readonly double[] Guess = [2.5, 0, 2, 8, 3.75, -2.5];
    private static readonly double[] Weights = [1, 2, 0.5, 1, 3, 0.25];

    private static readonly Tensor Target = tensor(new[] { 0.5, 1, 10, -1, 1, 12, 7, -6, 11, 2, 3, 9 }, 4, 3);
    private static readonly Tensor Output = tensor(new[] { 0, 2, 10.5, -1, 2, 12.5, 8, -5, 10, 2.5, 2, 9 }, 4, 3);

    public static TheoryData<Metric, double, double> Golden => new()
    {
        { new MeanSquaredError(), 0.4583333333333333, 0.3548387096774194 },
        { new RootMeanSquaredError(), 0.67700320038633, 0.5956833971812706 },
        { new MeanAbsoluteError(), 0.5833333333333334, 0.5483870967741935 },
        { new R2(), 0.9435535599743425, 0.9457071209648529 },
        { new ExplainedVariance(), 0.9444088090656404, 0.9458663376189149 },
    };

    [Theory, MemberData(nameof(Golden))]
    public void One_output(Metric metric, double plain, double weighted)
    {
        Value(metric, tensor(Guess), tensor(Y)).Should().BeApproximately(plain, 1e-12);
        Value(metric, tensor(Guess), tensor(Y), tensor(Weights)).Should().BeApproximately(weighted, 1e-12);
    }

    [Fact]
    public void Variance_is_averaged_over_columns()
    {
        var weights = tensor(new[] { 1, 2, 1, 0.5 });
        Value(new R2(), Output, Target).Should().BeApproximately(0.8576625751572413, 1e-12);
        Value(new R2(), Output, Target, weights).Should().BeApproximately(0.8379999607248233, 1e-12);
        Value(new ExplainedVariance(), Output, Target).Should().BeApproximately(0.8670955208900958, 1e-12);
        Value(new ExplainedVariance(), Output, Target, weights).Should().BeApproximately(0.8637561306095999, 1e-12);
    }

    [Fact]
    public void Missing_entries_are_missing_from_their_column_only()
    {
        var target = Target.clone();
        target[1, 0] = double.NaN;
        target[2, 2] = double.NaN;
        Value(new R2(), Output, target).Should().BeApproximately(0.9141824813640302, 1e-12);
        Value(new RootMeanSquaredError(), Output, target).Should().BeApproximately(0.7745966692414834, 1e-12);
        target[.., 1] = double.NaN;
        Value(new R2(), Output, target).Should().BeApproximately(
            (Value(new R2(), Output[.., 0], target[.., 0]) + Value(new R2(), Output[.., 2], target[.., 2])) / 2, 1e-12, "a column without labels is passed over");
    }

    /// <summary>Sums of squares would lose all digits here: 1e9² has none left for a variance of about 8.</summary>
    [Theory, InlineData(1e6), InlineData(1e9)]
    public void A_large_mean_does_no_harm(double offset)
    {
        foreach (var (metric, expected) in new (Metric, double)[] { (new R2(), 0.9435535599743425), (new ExplainedVariance(), 0.9444088090656404) })
        {
            for (var i = 0; i < 6; i++)
            {
                metric.Update(tensor(new[] { Guess[i] + offset }), tensor(new[] { Y[i] + offset }));
            }

            metric.Compute().Should().BeApproximately(expected, offset * 1e-15);
        }
    }

    [Fact]
    public void Constant_labels_are_as_in_scikit_learn()
    {
        Value(new R2(), tensor(new[] { 1.0, 1 }), tensor(new[] { 1.0, 1 })).Should().Be(1);
        Value(new R2(), tensor(new[] { 1.0, 2 }), tensor(new[] { 1.0, 1 })).Should().Be(0);
        Value(new ExplainedVariance(), tensor(new[] { 2.0, 2 }), tensor(new[] { 1.0, 1 })).Should().Be(1);
        Value(new ExplainedVariance(), tensor(new[] { 2.0, 1 }), tensor(new[] { 1.0, 1 })).Should().Be(0);
    }

    [Fact]
    public void One_label_has_no_variance() => Value(new R2(), tensor(new[] { 1.0 }), tensor(new[] { 2.0 })).Should().Be(double.NaN);

    [Fact]
    public void Targets_keep_their_precision_beside_float32_outputs() =>
        Value(new MeanAbsoluteError(), tensor(new[] { 16777216f }), tensor(new[] { 16777217.0 })).Should().Be(1);

    private static double Value(Metric metric, Tensor output, Tensor target, Tensor? weights = null)
    {
        metric.Reset();
        metric.Update(output, target, weights);
        return metric.Compute();
    }
}
