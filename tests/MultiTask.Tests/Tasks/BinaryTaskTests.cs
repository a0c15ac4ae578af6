using FluentAssertions;
using MultiTask.Tasks;
using TorchSharp;
using Xunit;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace MultiTask.Tests.Tasks;

public class BinaryTaskTests
{
    private static readonly Tensor Output = tensor(new[] { 0.5, -1, 2, 4 });
    private static readonly Tensor There = tensor(new long[] { 0, 1, 3 });

    [Theory, InlineData(null), InlineData(2.5)]
    public void The_loss_is_PyTorchs_on_the_labels_present(double? positiveWeight)
    {
        var expected = functional.binary_cross_entropy_with_logits(
            Output[There], tensor(new[] { 1.0, 0, 1 }), pos_weights: positiveWeight is { } w ? tensor(new[] { w }) : null).ToDouble();
        var task = LearningTask.Binary("sick", Identity(), positiveWeight);
        foreach (var target in new[] { tensor(new long[] { 1, 0, -100, 1 }), tensor(new[] { 1, 0, double.NaN, 1 }), tensor(new[] { 1, 0, float.NaN, 1 }) })
        {
            task.Check(Output, target);
            task.Loss(Output, target)!.ToDouble().Should().BeApproximately(expected, 1e-12);
            task.Loss(Output[.., TensorIndex.None], target)!.ToDouble().Should().BeApproximately(expected, 1e-12);
            task.Loss(Output[.., TensorIndex.None], target[.., TensorIndex.None])!.ToDouble().Should().BeApproximately(expected, 1e-12);
        }
    }

    [Fact]
    public void Booleans_are_never_missing()
    {
        var task = LearningTask.Binary("sick", Identity());
        var target = tensor(new[] { true, false, true, true });
        task.Check(Output, target);
        task.CountLabels(target).Should().Be(4);
        task.Loss(Output, target)!.ToDouble().Should().BeApproximately(
            functional.binary_cross_entropy_with_logits(Output, target.to_type(ScalarType.Float64)).ToDouble(), 1e-12);
    }

    [Fact]
    public void Bad_targets_are_named()
    {
        var task = LearningTask.Binary("sick", Identity());
        Check(tensor(new long[] { 0, 1, 2, -100 })).WithMessage("Task 'sick': targets should be Bool, Int64 (0, 1 or -100 where missing)*Found 2 at [2].");
        Check(tensor(new long[] { 0, 1, 0, -1 })).WithMessage("*Found -1 at [3].");
        Check(tensor(new[] { 0, 1.5, double.NaN, 1 })).WithMessage("*Found 1.5 at [1].");
        Check(tensor(new[] { 0, 1, 0, 1 })).WithMessage("*Found Int32.");
        FluentActions.Invoking(() => task.Check(zeros(4, 2), zeros(4, 2))).Should().Throw<ArgumentException>()
            .WithMessage("Task 'sick': output and targets should have shape [n] or [n, 1] (for several labels see MultiLabelTask). Found output [4, 2] and targets [4, 2].");

        FluentAssertions.Specialized.ExceptionAssertions<ArgumentException> Check(Tensor target) =>
            FluentActions.Invoking(() => task.Check(Output, target)).Should().Throw<ArgumentException>();
    }

    [Theory, InlineData(0), InlineData(-2), InlineData(double.PositiveInfinity)]
    public void The_positive_weight_is_positive(double weight) =>
        FluentActions.Invoking(() => LearningTask.Binary("sick", Identity(), weight))
            .Should().Throw<ArgumentOutOfRangeException>().WithMessage($"Task 'sick': the positive weight should be finite and positive. Found {weight}.*");
}
