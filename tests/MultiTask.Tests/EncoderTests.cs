using FluentAssertions;
using TorchSharp;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace MultiTask.Tests;

public sealed class EncoderTests : IDisposable
{
    private readonly DisposeScope scope = NewDisposeScope();

    public void Dispose() => scope.Dispose();

    [Fact]
    public void Modules_of_one_of_two_and_of_any_inputs_convert_by_themselves()
    {
        Encoder one = Linear(3, 2), two = new Sum(), any = new Count();
        one.Encode(zeros(5, 3)).shape.Should().Equal(5, 2);
        two.Encode([ones(2), ones(2)]).sum().item<float>().Should().Be(4);
        any.Encode([ones(2), ones(2), ones(2)]).item<long>().Should().Be(3);
        (one.Module is TorchSharp.Modules.Linear, two.Module is Sum, any.Module is Count).Should().Be((true, true, true));
    }

    [Fact]
    public void Inputs_of_another_number_say_so()
    {
        Encoder one = Linear(3, 2), two = new Sum();
        one.Invoking(e => e.Encode([zeros(5, 3), zeros(5)])).Should().Throw<InvalidOperationException>().WithMessage("*one tensor*2*");
        two.Invoking(e => e.Encode(zeros(5, 3))).Should().Throw<InvalidOperationException>().WithMessage("*2 tensors*1*");
    }

    [Fact]
    public void Calls_the_module_so_that_its_hooks_run()
    {
        var linear = Linear(3, 2);
        var calls = 0;
        linear.register_forward_hook((_, _, output) =>
        {
            calls++;
            return output;
        });
        ((Encoder)linear).Encode(zeros(5, 3));
        calls.Should().Be(1);
    }

    [Fact]
    public void Refuses_no_module()
    {
        FluentActions.Invoking(() => (Encoder)(Module<Tensor, Tensor>)null!).Should().Throw<ArgumentNullException>();
        FluentActions.Invoking(() => (Encoder)(Module<Tensor, Tensor, Tensor>)null!).Should().Throw<ArgumentNullException>();
        FluentActions.Invoking(() => (Encoder)(Module<Inputs, Tensor>)null!).Should().Throw<ArgumentNullException>();
    }

    private sealed class Sum() : Module<Tensor, Tensor, Tensor>(nameof(Sum))
    {
        public override Tensor forward(Tensor a, Tensor b) => a + b;
    }

    private sealed class Count() : Module<Inputs, Tensor>(nameof(Count))
    {
        public override Tensor forward(Inputs inputs) => tensor((long)inputs.Count);
    }
}
