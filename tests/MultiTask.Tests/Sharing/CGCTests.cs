using FluentAssertions;
using MultiTask.Sharing;
using MultiTask.Tests.Fixtures;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace MultiTask.Tests.Sharing;

public sealed class CGCTests : IDisposable
{
    private static readonly string[] Names = ["a", "b"];
    private readonly DisposeScope scope = NewDisposeScope();

    public CGCTests() => manual_seed(5);

    public void Dispose() => scope.Dispose();

    [Fact]
    public void A_gate_weighs_the_tasks_own_experts_and_the_shared_ones()
    {
        using var trunk = new CGC(Names, 1, 2, Expert.Plain);
        trunk.Scale("extraction.own.a.0.weight", 1);
        trunk.Scale("extraction.own.b.0.weight", 1000);
        trunk.Scale("extraction.shared.0.weight", 10);
        trunk.Scale("extraction.shared.1.weight", 100);
        trunk.Set("extraction.gates.a.weight", 1, 0, 0, 0, 0, 0); // softmax(x₀, 0, 0), x₀ = ln 2
        trunk.Set("extraction.gates.b.weight", 0, 0, 0, 0, 1, 0);
        var x = tensor(new[] { Math.Log(2), 1.0 }).reshape(1, 2);
        trunk.call(x).For("a").Values()[1].Should().BeApproximately(0.5 + 2.5 + 25, 1e-12);
        trunk.call(x).For("b").Values()[1].Should().BeApproximately(250 + 2.5 + 50, 1e-12);

        var mixture = trunk.Mixtures(x).Single();
        mixture.Columns.Should().Equal("a.0", "b.0", "shared.0", "shared.1");
        mixture.Values.Cast<double>().Should().Equal([0.5, 0, 0.25, 0.25, 0, 0.25, 0.25, 0.5], (p, q) => Math.Abs(p - q) < 1e-12);
    }

    [Fact]
    public void Own_experts_are_a_tasks_own_and_run_only_for_it()
    {
        using var trunk = new CGC(Names, 2, 1, Expert.Plain);
        trunk.TaskParameters("a").Should().HaveCount(3);
        trunk.SharedParameters().Should().ContainSingle();
        trunk.call(randn(3, 2, ScalarType.Float64)).For("b").sum().backward();
        trunk.TaskParameters("a").Should().OnlyContain(p => !p.HasGradient());
        trunk.TaskParameters("b").Concat(trunk.SharedParameters()).Should().OnlyContain(p => p.HasGradient());
    }

    [Fact]
    public void Convolutional_experts_are_given_a_gate()
    {
        using var trunk = new CGC(Names, 1, 1, Expert.Convolution, n => Sequential(Flatten(), Linear(16, n, dtype: ScalarType.Float64)));
        trunk.call(randn([3, 1, 4, 4], ScalarType.Float64)).For("a").shape.Should().Equal(3, 8);
    }

    [Fact]
    public void Refuses_arguments_that_make_no_sense()
    {
        FluentActions.Invoking(() => new CGC(Names, 0, 1, Expert.Plain)).Should().Throw<ArgumentOutOfRangeException>().WithMessage("`experts` should be at least 1. Found 0.*");
        FluentActions.Invoking(() => new CGC(Names, 1, 0, Expert.Plain)).Should().Throw<ArgumentOutOfRangeException>().WithMessage("`shared` should be at least 1. Found 0.*");
        FluentActions.Invoking(() => new CGC(Array.Empty<string>(), 1, 1, Expert.Plain)).Should().Throw<ArgumentException>().WithMessage("`tasks`*none*");
        FluentActions.Invoking(() => new CGC(Names, 1, 1, null!)).Should().Throw<ArgumentNullException>();
    }
}
