using FluentAssertions;
using MultiTask.Sharing;
using MultiTask.Tests.Contracts;
using MultiTask.Tests.Conventions;
using MultiTask.Tests.Fixtures;
using MultiTask.Tests.Sharing;
using MultiTask.Training;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace MultiTask.Tests.Training;

/// <summary>What a model takes over from another by name and shape; for every trunk, when tasks are added and removed.</summary>
public sealed class WeightTransferTests : IDisposable
{
    private static readonly string[] Two = ["age", "sex"];
    private static readonly string[] Three = ["income", "age", "sex"];
    private readonly DisposeScope scope = NewDisposeScope();

    public WeightTransferTests() => manual_seed(5);

    public static TheoryData<Type> Trunks => Concrete.TheoryOf<Trunk>();

    public void Dispose() => scope.Dispose();

    [Theory]
    [MemberData(nameof(Trunks))]
    public void A_grown_model_begins_where_the_old_one_was(Type trunk) => Transfer(trunk, Two, Three);

    [Theory]
    [MemberData(nameof(Trunks))]
    public void A_shrunk_model_begins_where_the_old_one_was(Type trunk) => Transfer(trunk, Three, Two);

    /// <summary>Where entries stand for tasks by their place, equal shapes say nothing.</summary>
    [Theory]
    [MemberData(nameof(Trunks))]
    public void Tasks_may_be_replaced_or_come_in_another_order(Type trunk)
    {
        Transfer(trunk, Two, ["sex", "age"]);
        Transfer(trunk, ["age", "sex"], ["age", "height"]);
    }

    /// <summary>The documentation says which trunks do not keep everything.</summary>
    [Theory]
    [MemberData(nameof(Trunks))]
    public void The_documentation_tells_the_trunks_whose_shapes_depend_on_the_tasks(Type trunk)
    {
        using var old = Model(trunk, Two);
        using var grown = Model(trunk, Three);
        var reshaped = grown.TakeWeights(old).Reshaped.Count > 0;
        Markdown.Read("docs/transfer.md").Rows(trunk.Name).Should().Be(reshaped ? 1 : 0);
    }

    [Fact]
    public void The_report_tells_what_became_of_each_weight()
    {
        using var old = new Net(("kept", 2, 3), ("wider", 3, 3), ("gone", 1, 1), ("before", 2, 2));
        using var taker = new Net(("kept", 2, 3), ("wider", 4, 3), ("more", 1, 1), ("after", 2, 2));
        var expected = (Kept: old.Values("kept.weight"), Renamed: old.Values("before.weight"), Wider: taker.Values("wider.weight"));

        var transfer = taker.TakeWeights(old, name => name.StartsWith("gone", StringComparison.Ordinal) ? null : name.Replace("before", "after", StringComparison.Ordinal));

        transfer.Taken.Should().Equal("kept.weight", "kept.bias", "wider.bias", "after.weight", "after.bias");
        transfer.Fresh.Should().Equal("more.weight", "more.bias");
        transfer.Left.Should().Equal("gone.weight", "gone.bias");
        transfer.Reshaped.Should().Equal("wider.weight");
        transfer.ToString().Should().Be(string.Join(
            Environment.NewLine,
            "taken: 5 (kept.weight, kept.bias, wider.bias, after.weight, after.bias)",
            "fresh: 2 (more.weight, more.bias)",
            "left: 2 (gone.weight, gone.bias)",
            "reshaped: 1 (wider.weight [3, 3] → [3, 4])"));
        taker.Values("kept.weight").Should().Equal(expected.Kept);
        taker.Values("after.weight").Should().Equal(expected.Renamed);
        taker.Values("wider.weight").Should().Equal(expected.Wider);
    }

    [Fact]
    public void Gates_over_a_tasks_own_experts_are_taken_over_where_the_shared_one_is_not()
    {
        using var old = Model(typeof(PLE), Two);
        using var grown = Model(typeof(PLE), Three);
        grown.TakeWeights(old).Reshaped.Should().Equal("trunk.levels.0.shared_gate.weight");
        using var other = Model(typeof(PLE), ["sex", "age"]);
        other.TakeWeights(old).Reshaped.Should().HaveCount(5);
        using var same = Model(typeof(PLE), Two);
        same.TakeWeights(old).Reshaped.Should().BeEmpty();
    }

    [Fact]
    public void A_long_list_is_cut_in_the_text()
    {
        using var old = new Net([.. Enumerable.Range(0, 8).Select(i => ($"l{i}", 1, 1))]);
        using var taker = new Net([.. Enumerable.Range(0, 8).Select(i => ($"l{i}", 1, 1))]);
        taker.TakeWeights(old).ToString().Should().Contain("taken: 16 (").And.Contain("l4.bias, and 6 more)").And.Contain("reshaped: none");
    }

    [Fact]
    public void Values_are_copied_and_converted_buffers_too()
    {
        using var old = Rig.Model(1, batchNorm: true, dtype: ScalarType.Float32);
        old.call(randn(5, 4));
        using var taker = Rig.Model(2, batchNorm: true);
        var before = Rig.Bits(old);

        var transfer = taker.TakeWeights(old);

        transfer.Taken.Should().BeEquivalentTo(old.state_dict().Keys).And.Contain("trunk.encoder.norm.running_mean");
        Rig.State(taker).Should().BeEquivalentTo(Rig.State(old));
        taker.parameters().Should().OnlyContain(p => p.dtype == ScalarType.Float64 && p.requires_grad && p.is_leaf);
        foreach (var tensor in taker.state_dict().Values)
        {
            Numbers.Set(tensor, zeros_like(tensor));
        }

        Rig.Bits(old).Should().Be(before, "nothing is shared");
    }

    [Fact]
    public void Refuses_modules_that_have_a_head_in_common()
    {
        LearningTask[] tasks = [LearningTask.Regression("age", Linear(4, 1))];
        using var old = new MultiTaskModel(new HardSharing(Linear(2, 4)), tasks);
        using var grown = new MultiTaskModel(new HardSharing(Linear(2, 4)), [.. tasks, LearningTask.Regression("sex", Linear(4, 1))]);
        var before = Rig.Bits(grown);
        grown.Invoking(g => g.TakeWeights(old)).Should().Throw<ArgumentException>().WithMessage("*no tensor in common*'heads.age.weight'*new heads*");
        grown.Invoking(g => g.TakeWeights(g)).Should().Throw<ArgumentException>().WithMessage("*in common*");
        Rig.Bits(grown).Should().Be(before);
    }

    [Fact]
    public void Nothing_is_changed_where_something_does_not_fit()
    {
        using var old = new Net(("a", 1, 2), ("b", 1, 2));
        using var taker = new Net(("a", 1, 2), ("b", 1, 2));
        var before = Rig.Bits(taker);
        taker.Invoking(t => t.TakeWeights(old, name => name.Replace('b', 'a'))).Should().Throw<ArgumentException>().WithMessage("*'a.weight' for 'a.weight' and for 'b.weight'*");
        taker.Invoking(t => t.TakeWeights(old, _ => null)).Should().Throw<ArgumentException>().WithMessage("*such as 'a.weight'*none of Net*");
        using var other = BatchNorm1d(3);
        taker.Invoking(t => t.TakeWeights(other)).Should().Throw<ArgumentException>().WithMessage("*none*");
        taker.Invoking(t => t.TakeWeights(old, name => throw new NotSupportedException(name))).Should().Throw<NotSupportedException>();

        Numbers.Set(old.Named("b.bias"), full(2, 1e6f));
        taker.to(ScalarType.Float16);
        before = Rig.Bits(taker);
        taker.Invoking(t => t.TakeWeights(old)).Should().Throw<ArgumentException>().WithMessage("'b.bias' should have values that Float16 can hold. Found greater ones*");
        Rig.Bits(taker).Should().Be(before);

        using var counts = new Counts(ScalarType.Int64);
        using var numbers = new Counts(ScalarType.Float32);
        counts.Invoking(c => c.TakeWeights(numbers)).Should().Throw<ArgumentException>().WithMessage("'count' should be Int64. Found Float32*only floating types*");
        numbers.Invoking(c => c.TakeWeights(counts)).Should().Throw<ArgumentException>();
        old.to(META);
        taker.Invoking(t => t.TakeWeights(old)).Should().Throw<ArgumentException>().WithMessage("*Found none*");
    }

    [Fact]
    public void No_tensor_stays_behind()
    {
        using var old = Rig.Model(1, batchNorm: true, dtype: ScalarType.Float32);
        using var taker = Rig.Model(2, batchNorm: true);
        LiveTensors.ShouldStayTheSame(() => taker.TakeWeights(old));
    }

    private static void Transfer(Type trunk, string[] before, string[] after)
    {
        using var old = Model(trunk, before);
        Numbers.Spread(old);
        using var taker = Model(trunk, after);
        old.eval();
        taker.eval();
        var bits = Rig.Bits(old);
        var own = Rig.State(taker);
        var x = randn([5, 2], ScalarType.Float64);

        var transfer = taker.TakeWeights(old);

        Rig.Bits(old).Should().Be(bits, "the source stays as it is");
        var state = Rig.State(taker);
        transfer.Taken.Concat(transfer.Fresh).Concat(transfer.Reshaped).Should().BeEquivalentTo(state.Keys).And.OnlyHaveUniqueItems();
        transfer.Taken.Concat(transfer.Left).Concat(transfer.Reshaped).Should().BeEquivalentTo(old.state_dict().Keys).And.OnlyHaveUniqueItems();
        transfer.Taken.Should().Contain(before.Intersect(after).Select(task => $"heads.{task}.weight")).And.AllSatisfy(name => state[name].Should().Equal(Rig.Numbers(old.state_dict()[name])));
        transfer.Fresh.Concat(transfer.Reshaped).Where(name => !state[name].SequenceEqual(own[name])).Should().BeEmpty();
        if (Concrete.OnTrunk(trunk))
        {
            return; // A step of a chain depends on those before it, and what is between them on its place.
        }

        transfer.Fresh.Where(name => !after.Except(before).Any(name.Split('.').Contains)).Should().BeEmpty("what is fresh belongs to a new task");
        transfer.Left.Where(name => !before.Except(after).Any(name.Split('.').Contains)).Should().BeEmpty("what is left belongs to a task that is gone");
        if (transfer.Reshaped.Count > 0)
        {
            taker.Trunk.MixesInOrderOfTasks.Should().BeTrue();
            return;
        }

        foreach (var task in before.Intersect(after))
        {
            taker.Outputs(x, [task])[task].Values().Should().Equal(old.Outputs(x, [task])[task].Values(), "{0} does not depend on the others", task);
        }
    }

    private static MultiTaskModel Model(Type type, IReadOnlyList<string> tasks)
    {
        var trunk = Concrete.Trunk(type, tasks, TrunkContract.Tower);
        var model = new MultiTaskModel(trunk, tasks.Select(task => LearningTask.Regression(task, Linear(Concrete.Width(type), 1))));
        model.to(ScalarType.Float64);
        return model;
    }

    private sealed class Net : nn.Module
    {
        public Net(params (string Name, long In, long Out)[] layers)
            : base(nameof(Net))
        {
            foreach (var (name, inputs, outputs) in layers)
            {
                register_module(name, Linear(inputs, outputs));
            }
        }

        public double[] Values(string name) => this.Named(name).Values();
    }

    private sealed class Counts : nn.Module
    {
        public Counts(ScalarType type)
            : base(nameof(Counts)) => register_buffer("count", zeros(2, type));
    }
}
