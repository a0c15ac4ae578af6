using FluentAssertions;
using MultiTask.Tasks;
using TorchSharp;
using Xunit;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace MultiTask.Tests.Tasks;

public class RegressionTaskTests
{
    private static readonly Tensor Output = tensor(new[] { 0.5, -1, 2, 4 });
    private static readonly Tensor Target = tensor(new[] { 1, 1, double.NaN, -2 });
    private static readonly Tensor There = tensor(new long[] { 0, 1, 3 });

    public static TheoryData<RegressionLoss> Losses => [RegressionLoss.SquaredError, RegressionLoss.AbsoluteError, RegressionLoss.Huber(1.5)];

    [Theory, MemberData(nameof(Losses))]
    public void The_loss_is_that_of_the_labels_present(RegressionLoss loss)
    {
        var (o, t) = (Output[There], Target[There]);
        var expected = loss.ToString() switch
        {
            "squared error" => functional.mse_loss(o, t),
            "absolute error" => functional.l1_loss(o, t),
            _ => functional.huber_loss(o, t, 1.5),
        };
        Of(loss).Loss(Output, Target)!.ToDouble().Should().Be(expected.ToDouble());
    }

    [Fact]
    public void One_column_answers_a_vector_and_is_never_broadcast()
    {
        var task = Of();
        var expected = (0.25 + 4 + 36) / 3;
        foreach (var (o, t) in new[] { (Output, Target), (Output[.., TensorIndex.None], Target), (Output, Target[.., TensorIndex.None]), (Output[.., TensorIndex.None], Target[.., TensorIndex.None]) })
        {
            task.Check(o, t);
            task.Loss(o, t)!.ToDouble().Should().BeApproximately(expected, 1e-12);
        }
    }

    [Fact]
    public void Each_entry_of_several_outputs_is_a_label_of_its_own()
    {
        var target = tensor(new[] { 0, double.NaN, 1, 2 }, 2, 2);
        Of().Loss(zeros(2, 2, dtype: ScalarType.Float64), target)!.ToDouble().Should().BeApproximately(5.0 / 3, 1e-12);
        Of().Loss(zeros(2, 2, dtype: ScalarType.Float64), target, tensor(new[] { 3.0, 1 }))!.ToDouble().Should().BeApproximately(1, 1e-12);
    }

    [Fact]
    public void Targets_take_the_outputs_dtype() =>
        Of().Loss(Output.to_type(ScalarType.Float32), Target)!.dtype.Should().Be(ScalarType.Float32);

    [Fact]
    public void Bad_targets_are_named()
    {
        Failing(Output, tensor(new long[] { 1, 2, 3, 4 })).WithMessage("Task 'age': output and targets should be floating point. Found Float64 and Int64.");
        Failing(zeros(4, 3), zeros(4)).WithMessage("Task 'age': targets should have shape [n], [n, d]*Found output [4, 3] and targets [4].");
        Failing(zeros(4, 1), zeros(4, 3)).WithMessage("*Found output [4, 1] and targets [4, 3].");
        Failing(Output, tensor(1.0)).WithMessage("*Found output [4] and targets [].");
        FluentActions.Invoking(() => Of().Check(zeros(4), tensor(new[] { 1, 2, double.PositiveInfinity, 0 })))
            .Should().Throw<ArgumentException>().WithMessage("Task 'age': targets should be finite, or NaN where missing. Found Infinity at [2].");
    }

    [Theory, InlineData(0), InlineData(-1), InlineData(double.NaN)]
    public void Huber_needs_a_positive_delta(double delta) =>
        FluentActions.Invoking(() => RegressionLoss.Huber(delta)).Should().Throw<ArgumentOutOfRangeException>().WithMessage($"`delta` should be positive and finite. Found {delta}.*");

    private static RegressionTask Of(RegressionLoss? loss = null) => LearningTask.Regression("age", Identity(), loss);

    private static FluentAssertions.Specialized.ExceptionAssertions<ArgumentException> Failing(Tensor output, Tensor target)
    {
        FluentActions.Invoking(() => Of().Loss(output, target)).Should().Throw<ArgumentException>();
        return FluentActions.Invoking(() => Of().Check(output, target)).Should().Throw<ArgumentException>();
    }
}
