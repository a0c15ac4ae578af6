using FluentAssertions;
using MultiTask.Metrics;
using TorchSharp;
using Xunit;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace MultiTask.Tests.Tasks;

public class CustomTaskTests
{
    private static readonly Tensor Output = tensor(new[] { 1.0, 2, 3 });
    private static readonly Tensor Target = tensor(new[] { 0.0, double.NaN, 1 });

    [Fact]
    public void Samples_without_a_label_are_left_out_before_the_loss_is_called()
    {
        long seen = 0;
        var task = LearningTask.Custom("own", Identity(), (o, y) =>
        {
            seen = o.shape[0];
            return (o - y).abs().mean();
        });
        task.Loss(Output, Target)!.ToDouble().Should().Be(1.5);
        seen.Should().Be(2);
        task.Loss(Output, full_like(Target, double.NaN)).Should().BeNull();
    }

    [Fact]
    public void A_label_that_is_missing_in_part_is_the_losss_to_handle()
    {
        var target = tensor(new[] { 1, double.NaN, double.NaN, double.NaN, 2, 3 }, 3, 2);
        var task = LearningTask.Custom("own", Identity(), (o, y) => (o - y).square().nansum());
        task.Loss(zeros(3, 2, dtype: ScalarType.Float64), target)!.ToDouble().Should().Be(14);
        task.CountLabels(target).Should().Be(2);
    }

    [Fact]
    public void A_loss_a_sample_can_be_weighted()
    {
        var task = LearningTask.Custom("own", Identity(), (o, y) => (o - y).abs());
        task.Loss(Output, Target)!.ToDouble().Should().Be(1.5);
        task.Loss(Output, Target, tensor(new[] { 3.0, 5, 1 }))!.ToDouble().Should().Be(1.25);
    }

    [Fact]
    public void Sample_weights_need_a_loss_a_sample()
    {
        var task = LearningTask.Custom("own", Identity(), (o, y) => (o - y).abs().mean());
        FluentActions.Invoking(() => task.Loss(Output, Target, ones(3))).Should().Throw<ArgumentException>()
            .WithMessage("Task 'own': with sample weights the loss should return one loss for each sample. Found a scalar.");
    }

    [Fact]
    public void Other_results_are_refused()
    {
        Failing((o, y) => zeros(3)).WithMessage("Task 'own': the loss should return a scalar or shape [2]. Found shape [3].");
        Failing((o, y) => zeros(2, 1)).WithMessage("Task 'own': the loss should return a scalar or shape [2]. Found shape [2, 1].");
        Failing((o, y) => null!).WithMessage("Task 'own': the loss should return a tensor. Found null.");

        static FluentAssertions.Specialized.ExceptionAssertions<ArgumentException> Failing(Func<Tensor, Tensor, Tensor> loss) =>
            FluentActions.Invoking(() => LearningTask.Custom("own", Identity(), loss).Loss(Output, Target)).Should().Throw<ArgumentException>();
    }

    [Fact]
    public void A_tensor_of_the_losss_own_is_not_disposed()
    {
        var constant = tensor(2.5);
        var task = LearningTask.Custom("own", Identity(), (o, y) => constant);
        using (NewDisposeScope())
        {
            task.Loss(Output, Target)!.ToDouble().Should().Be(2.5);
        }

        constant.ToDouble().Should().Be(2.5);
    }

    [Fact]
    public void Metrics_and_likelihood_are_as_given()
    {
        var task = LearningTask.Custom("own", Identity(), (o, y) => o.mean(), () => [new MeanAbsoluteError()], Likelihood.Laplace);
        task.CreateMetrics().Should().ContainSingle().Which.Should().BeOfType<MeanAbsoluteError>();
        task.Likelihood.Should().Be(Likelihood.Laplace);
    }
}
