using FluentAssertions;
using TorchSharp;
using static TorchSharp.torch;

namespace MultiTask.Tests;

public sealed class InputsTests : IDisposable
{
    private readonly DisposeScope scope = NewDisposeScope();

    public void Dispose() => scope.Dispose();

    [Fact]
    public void A_tensor_is_an_input()
    {
        var x = zeros(4, 3);
        Inputs inputs = x;
        inputs.Single.Should().BeSameAs(x);
        inputs.Should().Equal([x], ReferenceEquals);
        (inputs.Count, inputs.Samples).Should().Be((1, 4));
    }

    [Fact]
    public void Several_tensors_are_a_literal_and_are_taken_apart()
    {
        var (a, b, c) = (zeros(4, 3), zeros(4), zeros([4, 2, 2], ScalarType.Int64));
        Inputs two = [a, b];
        var (x, y) = two;
        (ReferenceEquals(x, a), ReferenceEquals(y, b)).Should().Be((true, true));
        Inputs three = [a, b, c];
        var (u, v, w) = three;
        new[] { u, v, w }.Should().Equal([a, b, c], ReferenceEquals);
        three[2].Should().BeSameAs(c);
    }

    [Fact]
    public void Reading_another_number_of_tensors_says_so()
    {
        Inputs one = zeros(4);
        Inputs two = [zeros(4), zeros(4)];
        two.Invoking(i => i.Single).Should().Throw<InvalidOperationException>().WithMessage("*one tensor*2 tensors*");
        one.Invoking(i => i.Deconstruct(out _, out _)).Should().Throw<InvalidOperationException>().WithMessage("*reads 2*inputs of 1*");
        two.Invoking(i => i.Deconstruct(out _, out _, out _)).Should().Throw<InvalidOperationException>().WithMessage("*reads 3*inputs of 2*");
    }

    [Fact]
    public void Refuses_tensors_that_are_no_samples()
    {
        Making().Should().Throw<ArgumentException>().WithMessage("*at least one tensor*none*");
        Making(zeros(3, 2), zeros(4)).Should().Throw<ArgumentException>().WithMessage("*[3, 2], [4]*");
        Making(tensor(1)).Should().Throw<ArgumentException>().WithMessage("*first dimension*[]*");
        Making(zeros(3), null!).Should().Throw<ArgumentNullException>();
        FluentActions.Invoking(() => (Inputs)(Tensor)null!).Should().Throw<ArgumentNullException>();
        static Func<Inputs> Making(params Tensor[] tensors) => () => Inputs.Create(tensors);
    }

    [Fact]
    public void Map_does_the_same_to_each_tensor()
    {
        Inputs two = [ones(4, 3), ones(4)];
        var doubled = two.Map(t => t * 2);
        doubled.Select(t => t.sum().item<float>()).Should().Equal(24, 8);
        two[0].sum().item<float>().Should().Be(12);
        two.Invoking(i => i.Map(t => t.sum())).Should().Throw<ArgumentException>().WithMessage("*first dimension*");
    }

    [Fact]
    public void Does_not_change_with_the_array_it_was_made_from()
    {
        Tensor[] tensors = [zeros(2), ones(2)];
        var inputs = Inputs.Create(tensors);
        tensors[0] = ones(5);
        inputs[0].sum().item<float>().Should().Be(0);
    }
}
