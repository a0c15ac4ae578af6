using FluentAssertions;
using MultiTask.Sharing;
using MultiTask.Tests.Fixtures;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace MultiTask.Tests.Sharing;

public sealed class AdaTTTests : IDisposable
{
    private static readonly string[] Names = ["a", "b"];
    private readonly DisposeScope scope = NewDisposeScope();

    public AdaTTTests() => manual_seed(5);

    public void Dispose() => scope.Dispose();

    [Fact]
    public void A_task_fuses_the_experts_of_all_and_adds_its_own()
    {
        using var trunk = new AdaTT(Names, 1, () => [Expert.Plain()]);
        trunk.Scale("levels.0.own.a.0.weight", 1);
        trunk.Scale("levels.0.own.b.0.weight", 10);
        trunk.Set("levels.0.gates.a.weight", 0, 0, 0, Math.Log(3));
        trunk.Set("levels.0.gates.b.weight", 0, 0, 0, 0);
        var x = tensor(new[] { 0.0, 1 }).reshape(1, 2);
        trunk.call(x).For("a").Values()[1].Should().BeApproximately(0.25 + 7.5 + 1, 1e-12);
        trunk.call(x).For("b").Values()[1].Should().BeApproximately(5.5 + 10, 1e-12);
        trunk.Mixtures(x).Single().Values.Cast<double>().Should().Equal([1.25, 0.75, 0.5, 1.5], (p, q) => Math.Abs(p - q) < 1e-12);
        trunk.SharedParameters().Should().HaveCount(2, "all tasks weigh all experts");
        trunk.MixingParameters().Should().HaveCount(2, "one expert of its own is added as it is");
    }

    [Fact]
    public void Several_experts_of_its_own_are_added_with_learned_weights()
    {
        using var trunk = new AdaTT(Names, 2, () => [Expert.Plain()]);
        var native = trunk.ByName()["levels.0.native.a.weight"];
        native.Values().Should().OnlyContain(v => Math.Abs(v) <= 1 / Math.Sqrt(2)).And.OnlyHaveUniqueItems();
        native.dtype.Should().Be(ScalarType.Float64);
        foreach (var (name, scale) in new[] { ("a.0", 1), ("a.1", 2), ("b.0", 10), ("b.1", 20) })
        {
            trunk.Scale($"levels.0.own.{name}.weight", scale);
        }

        trunk.Set("levels.0.gates.a.weight", new double[8]);
        trunk.Set("levels.0.gates.b.weight", new double[8]);
        trunk.Set("levels.0.native.a.weight", 3, -1);
        trunk.Set("levels.0.native.b.weight", 0.5, 1);
        var x = tensor(new[] { 0.0, 1 }).reshape(1, 2);
        trunk.call(x).For("a").Values()[1].Should().BeApproximately((33 / 4.0) + 3 - 2, 1e-12);
        trunk.call(x).For("b").Values()[1].Should().BeApproximately((33 / 4.0) + 5 + 20, 1e-12);
        trunk.TaskParameters("a").Should().HaveCount(2);
    }

    [Fact]
    public void The_general_form_has_a_shared_unit_at_all_levels_but_the_last()
    {
        using var trunk = new AdaTT(Names, 1, Expert.Stack, shared: 2);
        trunk.Scale("levels.0.own.a.0.weight", 1);
        trunk.Scale("levels.0.own.b.0.weight", 3);
        trunk.Scale("levels.0.shared.0.weight", 4);
        trunk.Scale("levels.0.shared.1.weight", 8);
        trunk.Scale("levels.1.own.a.0.weight", 1);
        trunk.Scale("levels.1.own.b.0.weight", 1);
        trunk.Scale("levels.1.shared.0.weight", 1);
        trunk.Scale("levels.1.shared.1.weight", 10);
        foreach (var name in trunk.ByName().Keys.Where(k => k.Contains("gate", StringComparison.Ordinal)))
        {
            trunk.Set(name, new double[8]);
        }

        trunk.Set("levels.0.shared_native.weight", 0.5, -1);
        var x = tensor(new[] { 0.0, 1 }).reshape(1, 2);
        double a = 4 + 1, b = 4 + 3, shared = 4 + 2 - 8;
        trunk.call(x).For("a").Values()[1].Should().BeApproximately(((a + b + shared + (10 * shared)) / 4) + a, 1e-12);
        trunk.call(x).For("b").Values()[1].Should().BeApproximately(((a + b + shared + (10 * shared)) / 4) + b, 1e-12);
        trunk.ByName().Keys.Should().NotContain("levels.1.shared_gate.weight").And.NotContain("levels.1.shared_native.weight");
        trunk.Mixtures(x)[0].Rows.Should().Equal("a", "b", "shared");
        trunk.Mixtures(x)[0].Values[2, 3].Should().BeApproximately(0.25 - 1, 1e-12);

        trunk.call(randn(5, 2, ScalarType.Float64)).For("a").square().sum().backward();
        trunk.named_parameters().Where(p => p.parameter.grad is null).Select(p => p.name).Should().Equal("levels.1.gates.b.weight");
    }

    [Fact]
    public void Sequences_are_given_gates_for_each_level()
    {
        using var trunk = new AdaTT(Names, 2, () => [Embedding(10, 4), Sequential(Linear(4, 3), Tanh())], shared: 1, gate: (level, n) => level == 0 ? Embedding(10, n) : Linear(4, n));
        trunk.call(tensor(new long[] { 1, 2, 3, 4, 5, 1 }).reshape(2, 3)).For("b").shape.Should().Equal(2, 3, 3);
    }

    [Fact]
    public void Refuses_arguments_that_make_no_sense()
    {
        FluentActions.Invoking(() => new AdaTT(Names, 0, Expert.Stack)).Should().Throw<ArgumentOutOfRangeException>().WithMessage("`experts` should be at least 1. Found 0.*");
        FluentActions.Invoking(() => new AdaTT(Names, 1, Expert.Stack, shared: -1)).Should().Throw<ArgumentOutOfRangeException>().WithMessage("`shared` should be non-negative. Found -1.*");
    }
}
