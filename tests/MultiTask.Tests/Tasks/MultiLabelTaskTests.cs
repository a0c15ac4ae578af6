using FluentAssertions;
using TorchSharp;
using Xunit;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace MultiTask.Tests.Tasks;

public class MultiLabelTaskTests
{
    private static readonly Tensor Output = tensor(new[] { 0.5, -1, 2, 4, -0.25, 1 }, 2, 3);

    [Fact]
    public void The_loss_is_the_mean_over_the_entries_present()
    {
        var target = tensor(new long[] { 1, 0, -100, -100, 1, 1 }, 2, 3);
        var (o, y, w) = (tensor(new[] { 0.5, -1, -0.25, 1 }), tensor(new[] { 1.0, 0, 1, 1 }), tensor(new[] { 2.0, 0.5, 0.5, 3 }));
        LearningTask.MultiLabel("genres", Identity()).Loss(Output, target)!.ToDouble()
            .Should().BeApproximately(functional.binary_cross_entropy_with_logits(o, y).ToDouble(), 1e-12);
        LearningTask.MultiLabel("genres", Identity(), [2, 0.5, 3]).Loss(Output, target)!.ToDouble()
            .Should().BeApproximately(functional.binary_cross_entropy_with_logits(o, y, pos_weights: w).ToDouble(), 1e-12);
    }

    [Fact]
    public void With_all_entries_present_it_is_PyTorchs()
    {
        var target = tensor(new[] { true, false, false, true, true, false }, 2, 3);
        LearningTask.MultiLabel("genres", Identity(), [2, 0.5, 3]).Loss(Output, target)!.ToDouble().Should().BeApproximately(
            functional.binary_cross_entropy_with_logits(Output, target.to_type(ScalarType.Float64), pos_weights: tensor(new[] { 2.0, 0.5, 3 })).ToDouble(), 1e-12);
    }

    [Fact]
    public void Bad_targets_are_named()
    {
        var task = LearningTask.MultiLabel("genres", Identity(), [1, 1, 1]);
        Failing(Output, zeros(2, 2)).WithMessage("Task 'genres': output and targets should have the same shape [n, L]. Found output [2, 3] and targets [2, 2].");
        Failing(zeros(2), zeros(2)).WithMessage("*Found output [2] and targets [2].");
        Failing(Output, tensor(new long[] { 0, 1, 0, 0, 7, 0 }, 2, 3)).WithMessage("Task 'genres': *Found 7 at [1, 1].");
        Failing(Output, zeros(2, 3, dtype: ScalarType.Int32)).WithMessage("*Found Int32.");
        Failing(zeros(2, 4), zeros(2, 4)).WithMessage("Task 'genres': with 3 positive weights the output should have shape [n, 3]. Found output [2, 4].");
        FluentActions.Invoking(() => LearningTask.MultiLabel("genres", Identity(), [1, 0]))
            .Should().Throw<ArgumentOutOfRangeException>().WithMessage("Task 'genres': positive weights should be finite and positive. Found 0.*");

        FluentAssertions.Specialized.ExceptionAssertions<ArgumentException> Failing(Tensor output, Tensor target) =>
            FluentActions.Invoking(() => task.Check(output, target)).Should().Throw<ArgumentException>();
    }
}
