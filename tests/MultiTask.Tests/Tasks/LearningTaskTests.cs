using FluentAssertions;
using MultiTask.Tasks;
using Xunit;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace MultiTask.Tests.Tasks;

/// <summary>Names, weights and adapters: what all kinds have in common.</summary>
public class LearningTaskTests
{
    [Fact]
    public void Factories_take_a_weight_and_an_adapter()
    {
        var adapter = Linear(3, 4);
        var task = LearningTask.Regression("age", Linear(4, 1), weight: 2, adapter: adapter);
        task.Weight.Should().Be(2);
        task.Adapter!.Module.Should().BeSameAs(adapter);
        new RegressionTask("age", Linear(4, 1)) { Weight = 3 }.Weight.Should().Be(3);
        LearningTask.Binary("b", Identity()).Should().Match<BinaryTask>(t => t.Weight == 1 && t.Adapter == null);
    }

    [Theory, InlineData(0), InlineData(-1), InlineData(double.NaN), InlineData(double.PositiveInfinity)]
    public void A_weight_is_positive_and_finite(double weight) =>
        FluentActions.Invoking(() => LearningTask.Regression("age", Identity(), weight: weight))
            .Should().Throw<ArgumentOutOfRangeException>().WithMessage($"Task 'age': the weight should be positive and finite. Found {weight}.*");

    [Theory, InlineData(""), InlineData(" "), InlineData("a.b")]
    public void A_name_is_not_empty_and_has_no_dot(string name) =>
        FluentActions.Invoking(() => LearningTask.Regression(name, Identity())).Should().Throw<ArgumentException>();

    [Fact]
    public void An_error_of_the_native_library_that_is_not_about_labels_comes_through() =>
        FluentActions.Invoking(() => LearningTask.Custom("own", Identity(), (o, y) => o.add(y)).Loss(ones(2, 3), ones(2, 4)))
            .Should().Throw<System.Runtime.InteropServices.ExternalException>();
}
