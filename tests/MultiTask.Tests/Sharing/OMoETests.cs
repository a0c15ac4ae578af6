using FluentAssertions;
using MultiTask.Sharing;
using MultiTask.Tests.Fixtures;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace MultiTask.Tests.Sharing;

public sealed class OMoETests : IDisposable
{
    private readonly DisposeScope scope = NewDisposeScope();

    public void Dispose() => scope.Dispose();

    [Fact]
    public void All_tasks_have_one_representation()
    {
        using var trunk = new OMoE(2, Expert.Plain);
        trunk.Scale("experts.0.weight", 1);
        trunk.Scale("experts.1.weight", 10);
        trunk.Set("gate.weight", 0, 0, 1, 0);
        var z = trunk.call(tensor(new[] { Math.Log(3), 2.0 }).reshape(1, 2));
        z.For("a").Should().BeSameAs(z.For("b")).And.BeSameAs(z.Shared);
        z.For("a").Values().Should().Equal([7.75 * Math.Log(3), 15.5], (x, y) => Math.Abs(x - y) < 1e-12);
        trunk.Tasks.Should().BeNull("any task will do");
        trunk.SharedParameters().Should().HaveCount(3);
        trunk.MixingParameters().Should().ContainSingle();
        trunk.Mixtures(tensor(new[] { Math.Log(3), 2.0 }).reshape(1, 2)).Single().Values[0, 1].Should().BeApproximately(0.75, 1e-12);
    }

    [Fact]
    public void Is_MMoE_whose_gates_are_equal()
    {
        manual_seed(2);
        using var one = new OMoE(3, Expert.Plain);
        using var many = new MMoE(["a", "b"], 3, Expert.Plain);
        many.CopyFrom(one);
        many.Set("gates.b.weight", one.ByName()["gate.weight"].Values());
        var x = randn(4, 2, ScalarType.Float64);
        many.call(x).For("b").Values().Should().Equal(one.call(x).For("b").Values());
    }

    [Fact]
    public void Refuses_no_experts() =>
        FluentActions.Invoking(() => new OMoE(0, Expert.Plain)).Should().Throw<ArgumentOutOfRangeException>().WithMessage("`experts` should be at least 1. Found 0.*");
}
