using FluentAssertions;
using MultiTask.Sharing;
using MultiTask.Tests.Fixtures;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace MultiTask.Tests.Sharing;

public sealed class PLETests : IDisposable
{
    private static readonly string[] Names = ["a", "b"];
    private readonly DisposeScope scope = NewDisposeScope();

    public PLETests() => manual_seed(5);

    public void Dispose() => scope.Dispose();

    [Fact]
    public void With_one_level_it_is_CGC()
    {
        using var levels = new PLE(Names, 2, 3, () => [Expert.Plain()]);
        using var flat = new CGC(Names, 2, 3, Expert.Plain);
        flat.CopyFrom(levels);
        var x = randn(4, 2, ScalarType.Float64);
        var (one, other) = (levels.call(x), flat.call(x));
        foreach (var task in Names)
        {
            other.For(task).Values().Should().Equal(one.For(task).Values());
        }

        levels.state_dict().Keys.Should().Equal(flat.state_dict().Keys.Select(k => k.Replace("extraction.", "levels.0.", StringComparison.Ordinal)));
    }

    [Fact]
    public void Shared_experts_read_a_gate_over_the_experts_of_all()
    {
        using var trunk = new PLE(Names, 1, 1, Expert.Stack);
        trunk.Scale("levels.0.own.a.0.weight", 1);
        trunk.Scale("levels.0.own.b.0.weight", 2);
        trunk.Scale("levels.0.shared.0.weight", 6);
        trunk.Scale("levels.1.own.a.0.weight", 1);
        trunk.Scale("levels.1.own.b.0.weight", 10);
        trunk.Scale("levels.1.shared.0.weight", 100);
        foreach (var gate in new[] { "0.gates.a", "0.gates.b", "1.gates.a", "1.gates.b", "0.shared_gate" })
        {
            trunk.Set($"levels.{gate}.weight", new double[trunk.ByName()[$"levels.{gate}.weight"].numel()]);
        }

        // Level 0: a reads (1 + 6)/2, b (2 + 6)/2, the shared unit (1 + 2 + 6)/3.
        var x = tensor(new[] { 0.0, 1 }).reshape(1, 2);
        trunk.call(x).For("a").Values()[1].Should().BeApproximately((3.5 + 300) / 2, 1e-12);
        trunk.call(x).For("b").Values()[1].Should().BeApproximately((40 + 300) / 2, 1e-12);

        // A gate of the second level reads what its unit read there: 3.5 for a.
        trunk.Set("levels.1.gates.a.weight", 0, Math.Log(3) / 3.5, 0, 0);
        trunk.call(x).For("a").Values()[1].Should().BeApproximately((0.75 * 3.5) + (0.25 * 300), 1e-12);

        var mixtures = trunk.Mixtures(x);
        mixtures.Select(m => m.Name).Should().Equal("levels.0", "levels.1");
        mixtures[0].Rows.Should().Equal("a", "b", "shared");
        mixtures[1].Rows.Should().Equal("a", "b");
        mixtures[0].Values[2, 1].Should().BeApproximately(1.0 / 3, 1e-12);
        mixtures[1].Values.Cast<double>().Should().Equal([0.75, 0, 0.25, 0, 0.5, 0.5], (p, q) => Math.Abs(p - q) < 1e-12);
    }

    [Fact]
    public void A_task_reaches_the_others_experts_below_the_last_level_only()
    {
        using var trunk = new PLE(Names, 1, 1, () => [Expert.Plain(), Expert.Plain(), Expert.Plain()]);
        trunk.call(randn(5, 2, ScalarType.Float64)).For("a").square().sum().backward();
        trunk.Reached().Should().BeEquivalentTo(
            trunk.named_parameters().Select(p => p.name).Except(["levels.1.gates.b.weight", "levels.2.own.b.0.weight", "levels.2.gates.b.weight"]));
        trunk.TaskParameters("b").Should().HaveCount(3).And.OnlyContain(p => !p.HasGradient());
        trunk.ByName().Keys.Should().NotContain("levels.2.shared_gate.weight");
        trunk.MixingParameters().Should().HaveCount(8);
    }

    [Fact]
    public void Sequences_are_given_gates_for_each_level()
    {
        using var trunk = new PLE(Names, 1, 1, () => [Embedding(10, 4), Sequential(Linear(4, 3), Tanh())], (level, n) => level == 0 ? Embedding(10, n) : Linear(4, n));
        trunk.call(tensor(new long[] { 1, 2, 3, 4, 5, 1 }).reshape(2, 3)).For("b").shape.Should().Equal(2, 3, 3);
    }

    [Fact]
    public void Refuses_arguments_that_make_no_sense()
    {
        FluentActions.Invoking(() => new PLE(Names, 0, 1, Expert.Stack)).Should().Throw<ArgumentOutOfRangeException>().WithMessage("`experts`*");
        FluentActions.Invoking(() => new PLE(Names, 1, 0, Expert.Stack)).Should().Throw<ArgumentOutOfRangeException>().WithMessage("`shared` should be at least 1. Found 0.*");
        FluentActions.Invoking(() => new PLE(Names, 1, 1, () => [])).Should().Throw<ArgumentOutOfRangeException>().WithMessage("`expert`*");
        var depths = new Queue<int>([2, 1, 2]);
        FluentActions.Invoking(() => new PLE(Names, 1, 1, () => depths.Dequeue() == 1 ? [Expert.Plain()] : Expert.Stack()))
            .Should().Throw<ArgumentException>().WithMessage("*2 layers*made 1*");
        FluentActions.Invoking(() => new PLE(Names, 1, 1, () => [Embedding(3, 2), Linear(2, 2)])).Should().Throw<ArgumentException>().WithMessage("*Embedding*");
    }
}
