using FluentAssertions;
using MultiTask.Diagnostics;
using MultiTask.Training;

namespace MultiTask.Tests.Diagnostics;

public sealed class DeltaMTests
{
    private static readonly Evaluation Baseline = new([("a", new(1, 10, [new("rmse", 2, false), new("r2", 0.5, true)])), ("c", new(1, 10, [new("accuracy", 0.8, true)]))], 2);

    [Fact]
    public void Positive_is_better_for_metrics_of_either_direction()
    {
        var better = Of(rmse: 1, accuracy: 0.9);
        DeltaM.Of(better, Baseline).Tasks.Select(t => Math.Round(t.Value, 12)).Should().Equal(0.5, 0.125);
        DeltaM.Of(better, Baseline).Mean.Should().BeApproximately(0.3125, 1e-12);
        DeltaM.Of(better, Baseline).Worse.Should().Be(0);
        DeltaM.Of(Of(rmse: 3, accuracy: 0.4), Baseline).Tasks.Select(t => Math.Round(t.Value, 12)).Should().Equal(-0.5, -0.5);
        DeltaM.Of(Of(rmse: 1, accuracy: 0.4), Baseline).Worse.Should().Be(1);
        DeltaM.Of(Baseline, Baseline).Mean.Should().Be(0);
    }

    [Fact]
    public void A_baseline_below_0_keeps_the_sign()
    {
        Evaluation With(double r2) => new([("a", new(1, 10, [new("r2", r2, true)]))], 1);
        DeltaM.Of(With(0.5), With(-0.5)).Mean.Should().Be(2);
        DeltaM.Of(With(-1), With(-0.5)).Mean.Should().Be(-1);
    }

    [Fact]
    public void It_is_of_the_first_metric_of_the_one_that_is_named_or_of_the_loss()
    {
        Evaluation A(double r2, double loss) => new([("a", new(loss, 10, [new("rmse", 2, false), new("r2", r2, true)]))], loss);
        DeltaM.Of(A(0.75, 1), A(0.5, 1)).Mean.Should().Be(0);
        DeltaM.Of(A(0.75, 1), A(0.5, 1), "r2").Mean.Should().Be(0.5);
        Evaluation Bare(double loss) => new([("a", new(loss, 10, []))], loss);
        DeltaM.Of(Bare(1), Bare(2)).Mean.Should().Be(0.5);
        FluentActions.Invoking(() => DeltaM.Of(Bare(1), Bare(2), "f1")).Should().Throw<KeyNotFoundException>().WithMessage("*'f1'*");
    }

    [Fact]
    public void A_mean_over_other_tasks_is_none()
    {
        Evaluation less = new([("a", Baseline["a"])], 1);
        FluentActions.Invoking(() => DeltaM.Of(less, Baseline)).Should().Throw<ArgumentException>().WithMessage("*'a', 'c'*Found 'a'*");
        FluentActions.Invoking(() => DeltaM.Of(Baseline, less)).Should().Throw<ArgumentException>().WithMessage("*'a'*Found 'a', 'c'*");
    }

    private static Evaluation Of(double rmse, double accuracy) =>
        new([("a", new(1, 10, [new("rmse", rmse, false), new("r2", 0, true)])), ("c", new(1, 10, [new("accuracy", accuracy, true)]))], 2);
}
