using FluentAssertions;
using TorchSharp;
using Xunit;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace MultiTask.Tests.Tasks;

public class ClassificationTaskTests
{
    private static readonly Tensor Output = tensor(new[] { 1.0, 0.5, -0.5, 0.2, -0.3, 0.8, 2.0, 1.0, 0.0, -1.0, 0.5, 0.25 }, 4, 3);
    private static readonly Tensor Target = tensor(new long[] { 0, 2, 1, 2 });
    private static readonly double[] ClassWeights = [1, 2, 0.5];

    [Theory]
    [InlineData(false, 0)]
    [InlineData(true, 0)]
    [InlineData(false, 0.1)]
    [InlineData(true, 0.1)]
    public void The_loss_is_PyTorchs_on_the_labels_present(bool weighted, double smoothing)
    {
        var task = LearningTask.Classification("income", Identity(), weighted ? ClassWeights : null, smoothing);
        var w = weighted ? tensor(ClassWeights) : null;
        task.Loss(Output, Target)!.ToDouble().Should().BeApproximately(
            functional.cross_entropy(Output, Target, w, label_smoothing: smoothing).ToDouble(), 1e-12);

        var gaps = tensor(new long[] { 0, -100, 1, 2 });
        task.Loss(Output, gaps)!.ToDouble().Should().BeApproximately(
            functional.cross_entropy(Output, gaps, w, label_smoothing: smoothing).ToDouble(), 1e-12, "PyTorch's ignore_index is the same convention");
    }

    /// <summary>(Σ s [(1 − ε) w_y (−log p_y) + ε/C Σ_c w_c (−log p_c)]) / Σ s w_y, computed with numpy.</summary>
    [Fact]
    public void Class_weights_sample_weights_and_smoothing_go_together()
    {
        var task = LearningTask.Classification("income", Identity(), ClassWeights, 0.1);
        task.Loss(Output, Target)!.ToDouble().Should().BeApproximately(1.0913338589255945, 1e-12);
        task.Loss(Output, Target, tensor(new[] { 1, 0.5, 2, 3 }))!.ToDouble().Should().BeApproximately(1.176413854925086, 1e-12);
    }

    [Fact]
    public void A_class_of_weight_zero_is_as_good_as_missing()
    {
        var task = LearningTask.Classification("income", Identity(), [1, 1, 0]);
        task.Loss(Output, tensor(new long[] { 2, 2, -100, 2 })).Should().BeNull();
        task.Loss(Output, Target)!.ToDouble().Should().BeApproximately(
            functional.cross_entropy(Output, tensor(new long[] { 0, -100, 1, -100 })).ToDouble(), 1e-12);
    }

    [Fact]
    public void Positions_are_labels_of_their_own()
    {
        var output = arange(48, ScalarType.Float64).sin().reshape(2, 3, 2, 4);
        var target = arange(16, ScalarType.Int64).remainder(3).reshape(2, 2, 4);
        target[0, 1, 2] = -100;
        var task = LearningTask.Classification("pixels", Identity(), ClassWeights);
        task.Check(output, target);
        task.Loss(output, target)!.ToDouble().Should().BeApproximately(functional.cross_entropy(output, target, tensor(ClassWeights)).ToDouble(), 1e-12);
        var accuracy = task.CreateMetrics()[0];
        accuracy.Update(output, target);
        accuracy.Compute().Should().BeApproximately(output.argmax(1).eq(target).sum().ToDouble() / 15, 1e-12);
    }

    [Fact]
    public void Class_weights_follow_the_outputs_dtype()
    {
        var task = LearningTask.Classification("income", Identity(), ClassWeights);
        var expected = task.Loss(Output, Target)!.ToDouble();
        task.Loss(Output.to_type(ScalarType.Float32), Target)!.ToDouble().Should().BeApproximately(expected, 1e-6);
        using (NewDisposeScope())
        {
            task.Loss(Output, Target); // the copy of the weights should outlive the scope in which it is made
        }

        task.Loss(Output, Target)!.ToDouble().Should().Be(expected);
    }

    [Theory, InlineData(3), InlineData(-1), InlineData(1000)]
    public void A_class_out_of_range_is_an_error_that_says_so(long label)
    {
        var target = tensor(new[] { 0, -100, label, 2 });
        foreach (var weights in new[] { null, ClassWeights })
        {
            var task = LearningTask.Classification("income", Identity(), weights);
            foreach (var act in new Action[] { () => task.Check(Output, target), () => task.Loss(Output, target), () => task.Loss(Output, target, ones(4)) })
            {
                act.Should().Throw<ArgumentException>().WithMessage($"Task 'income': classes should be from 0 to 2, or -100 where missing. Found {label} at [2].");
            }
        }
    }

    [Fact]
    public void Bad_shapes_and_dtypes_are_named()
    {
        var task = LearningTask.Classification("income", Identity(), ClassWeights);
        Failing(Output, zeros(4)).WithMessage("Task 'income': targets should be classes, Int64, -100 where missing. Found Float32.");
        Failing(Output, Target[.., TensorIndex.None]).WithMessage("Task 'income': output and targets should have shapes [n, C] and [n]*Found output [4, 3] (Float64) and targets [4, 1].");
        Failing(zeros(4), Target).WithMessage("*Found output [4] (Float32) and targets [4].");
        Failing(zeros(4, 3, dtype: ScalarType.Int64), Target).WithMessage("*Found output [4, 3] (Int64)*");
        Failing(zeros(4, 5), Target).WithMessage("Task 'income': with 3 class weights there should be as many classes. Found 5 (output [4, 5]).");
        FluentActions.Invoking(() => LearningTask.Classification("income", Identity()).Loss(zeros(4, 1), Target))
            .Should().Throw<ArgumentException>().WithMessage("Task 'income': the output should have a logit for each of two or more classes. Found 1 (output [4, 1]).");

        FluentAssertions.Specialized.ExceptionAssertions<ArgumentException> Failing(Tensor output, Tensor target) =>
            FluentActions.Invoking(() => task.Check(output, target)).Should().Throw<ArgumentException>();
    }

    [Fact]
    public void Bad_options_are_refused_at_construction()
    {
        FluentActions.Invoking(() => LearningTask.Classification("income", Identity(), [1, -1])).Should().Throw<ArgumentOutOfRangeException>()
            .WithMessage("Task 'income': class weights should be finite and non-negative. Found -1.*");
        FluentActions.Invoking(() => LearningTask.Classification("income", Identity(), [0, 0])).Should().Throw<ArgumentException>()
            .WithMessage("Task 'income': class weights should be two or more, and one at least positive. Found [0, 0].*");
        FluentActions.Invoking(() => LearningTask.Classification("income", Identity(), labelSmoothing: 1)).Should().Throw<ArgumentOutOfRangeException>()
            .WithMessage("Task 'income': label smoothing should be from 0 to below 1. Found 1.*");
    }
}
