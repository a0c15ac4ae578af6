using FluentAssertions;
using MultiTask.Sharing;
using MultiTask.Tests.Fixtures;
using MultiTask.Tests.Training;
using TorchSharp;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace MultiTask.Tests.Sharing;

public sealed class BranchedTests : IDisposable
{
    private static readonly string[] Abc = ["a", "b", "c"];
    private readonly DisposeScope scope = NewDisposeScope();

    public BranchedTests() => manual_seed(7);

    public void Dispose() => scope.Dispose();

    [Fact]
    public void The_formula_by_hand()
    {
        using var trunk = new Branched(["a", "b"], Numbers(2, 3, 5), own: [1]);
        trunk.Set("stages.1.b.weight", 7);
        var z = trunk.call(Row(1));
        z.Shared.Should().BeNull();
        z.For("a").Values().Should().Equal(2 * 3 * 5);
        z.For("b").Values().Should().Equal(2 * 7 * 5);
    }

    [Fact]
    public void The_copies_start_alike_and_so_it_starts_as_hard_sharing()
    {
        using var trunk = new Branched(Abc, Dense, own: [0, 2]);
        var z = trunk.call(X());
        z.For("b").Values().Should().Equal(z.For("a").Values());
        z.For("c").Values().Should().Equal(z.For("a").Values());
    }

    [Fact]
    public void Without_an_own_stage_it_is_hard_sharing()
    {
        using var trunk = new Branched(Abc, Dense, own: []);
        using var hard = new HardSharing(Sequential(Linear(2, 4), Tanh(), Linear(4, 4), Linear(4, 3)));
        hard.CopyFrom(trunk);
        var (z, expected) = (trunk.call(X()), hard.call(X()));
        z.Shared.Should().NotBeNull("it can be balanced at the representation");
        z.For("b").Values().Should().Equal(expected.For("b").Values());
        Gradients(trunk, z, "a").Should().Equal(Gradients(hard, expected, "a"));
        trunk.SharedParameters().Should().HaveCount(6);
        Abc.Should().AllSatisfy(task => trunk.TaskParameters(task).Should().BeEmpty());
        trunk.state_dict().Keys.Should().Equal("stages.0.0.weight", "stages.0.0.bias", "stages.1.weight", "stages.1.bias", "stages.2.weight", "stages.2.bias");
    }

    [Fact]
    public void With_all_stages_own_it_is_towers_that_start_alike()
    {
        using var trunk = new Branched(Abc, Dense, own: [0, 1, 2]);
        Func<Encoder> tower = () => Sequential(Linear(2, 4), Tanh(), Linear(4, 4), Linear(4, 3));
        using var soft = new SoftSharing(Abc, tower, new L2Distance(0));
        using var single = new SingleTask(Abc, tower);
        foreach (var task in Abc)
        {
            Copy(trunk.TaskParameters(task), soft.TaskParameters(task));
            Copy(trunk.TaskParameters(task), single.TaskParameters(task));
        }

        trunk.SharedParameters().Should().BeEmpty();
        foreach (var task in Abc)
        {
            var expected = trunk.call(X()).For(task).Values();
            soft.call(X()).For(task).Values().Should().Equal(expected);
            single.call(X()).For(task).Values().Should().Equal(expected);
        }
    }

    [Fact]
    public void A_shared_stage_runs_once_for_each_way_that_leads_to_it()
    {
        var runs = new Dictionary<string, int>();
        using var trunk = new Branched(Abc, Watched(runs), own: [1], groups: [["a", "c"], ["b"]]);
        var z = trunk.call(X());
        foreach (var task in Abc)
        {
            z.For(task);
            z.For(task);
        }

        runs.Should().BeEquivalentTo(new Dictionary<string, int> { ["0"] = 1, ["1"] = 2, ["2"] = 2 });
        runs.Clear();
        trunk.call(X()).For("b");
        runs.Should().BeEquivalentTo(new Dictionary<string, int> { ["0"] = 1, ["1"] = 1, ["2"] = 1 });
    }

    [Fact]
    public void Gradients_reach_what_they_should()
    {
        using var trunk = new Branched(Abc, Dense, own: [1]);
        trunk.call(X()).For("b").sum().backward();
        trunk.named_parameters().Where(p => p.parameter.HasGradient()).Select(p => p.name).Should().Equal("stages.0.0.weight", "stages.0.0.bias", "stages.1.b.weight", "stages.1.b.bias", "stages.2.weight", "stages.2.bias");
    }

    [Fact]
    public void A_copy_of_a_group_is_shared_by_it()
    {
        using var trunk = new Branched(Abc, Dense, own: [1], groups: [["c", "a"], ["b"]]);
        trunk.ByName().Keys.Should().Contain("stages.1.a_and_c.weight").And.Contain("stages.1.b.weight");
        trunk.SharedParameters().Select(p => p.Handle).Should().Contain(trunk.ByName()["stages.1.a_and_c.weight"].Handle);
        trunk.TaskParameters("a").Should().BeEmpty();
        trunk.TaskParameters("b").Should().HaveCount(2);
        trunk.Groups[1].Should().BeEquivalentTo([["a", "c"], new[] { "b" }]);
        trunk.Groups[0].Should().ContainSingle().Which.Should().Equal(Abc);
    }

    [Fact]
    public void A_split_gives_the_same_outputs_and_then_learns_apart()
    {
        using var trunk = new Branched(Abc, Dense, own: [2]);
        Spread(trunk);
        var before = Abc.Select(task => trunk.call(X()).For(task).Values()).ToArray();
        using var split = trunk.Split([1, 1]);
        Abc.Select(task => split.call(X()).For(task).Values()).Should().BeEquivalentTo(before, o => o.WithStrictOrdering());
        split.Groups.Select(g => g.Count).Should().Equal(1, 3, 3);
        trunk.Groups.Select(g => g.Count).Should().Equal([1, 1, 3], "the trunk stays as it is");
        split.parameters().Select(p => p.Handle).Should().NotIntersectWith(trunk.parameters().Select(p => p.Handle));

        using (no_grad())
        {
            split.ByName()["stages.1.a.bias"].add_(1);
        }

        split.call(X()).For("b").Values().Should().Equal(before[1]);
        split.call(X()).For("a").Values().Should().NotEqual(before[0]);
        trunk.call(X()).For("a").Values().Should().Equal(before[0]);
    }

    [Fact]
    public void Splits_by_groups_and_then_further()
    {
        using var trunk = new Branched(Abc, Dense, own: []);
        using var two = trunk.Split([1], groups: [["a", "b"], ["c"]]);
        Spread(two);
        using var all = two.Split([1], groups: [["a"], ["b", "c"]]);
        all.Groups[1].Should().BeEquivalentTo([["a"], ["b"], new[] { "c" }], "what was apart stays apart");
        foreach (var task in Abc)
        {
            all.call(X()).For(task).Values().Should().Equal(two.call(X()).For(task).Values());
        }

        two.call(X()).For("c").Values().Should().NotEqual(two.call(X()).For("a").Values(), "otherwise this test shows nothing");
    }

    [Fact]
    public void A_split_keeps_dtype_mode_running_statistics_and_what_is_frozen()
    {
        using var trunk = new Branched(Abc, () => [Sequential(Linear(2, 3), BatchNorm1d(3)), Linear(3, 3)], own: []);
        trunk.to(ScalarType.Float64);
        var x = X().to(ScalarType.Float64);
        trunk.call(x + 3).For("a");
        trunk.eval();
        trunk.ByName()["stages.0.0.weight"].requires_grad = false;
        using var split = trunk.Split([0]);
        split.call(x).For("c").Values().Should().Equal(trunk.call(x).For("c").Values());
        split.modules().Should().OnlyContain(m => !m.training);
        split.parameters().Should().OnlyContain(p => p.dtype == ScalarType.Float64);
        split.named_parameters().Where(p => !p.parameter.requires_grad).Select(p => p.name).Should().Equal("stages.0.a.0.weight", "stages.0.b.0.weight", "stages.0.c.0.weight");
    }

    [Fact]
    public void Convolutions_and_sequences_can_be_split()
    {
        using var images = new Branched(["a", "b"], () => [Conv2d(1, 2, 3), Sequential(Conv2d(2, 3, 3), Flatten())], own: [0]);
        images.call(zeros(2, 1, 6, 6)).For("b").shape.Should().Equal(2, 12);
        using var words = new Branched(["a", "b"], () => [Embedding(10, 4), new Recurrent()], own: [1]);
        var ids = arange(6).reshape(2, 3);
        words.call(ids).For("a").shape.Should().Equal(2, 3, 5);
        using var split = words.Split([0]);
        split.call(ids).For("b").Values().Should().Equal(words.call(ids).For("b").Values());
    }

    [Fact]
    public void A_stage_is_found_by_the_name_of_a_layer()
    {
        using var trunk = new Branched(Abc, Dense, own: [1]);
        trunk.StageOf("trunk.stages.0.0").Should().Be(0);
        trunk.StageOf("stages.2").Should().Be(2);
        trunk.StageOf("trunk.stages.1.a").Should().Be(1);
        foreach (var wrong in new[] { "heads.a", "trunk.stages.3", "trunk.stages", "", "trunk.stages.-1" })
        {
            FluentActions.Invoking(() => trunk.StageOf(wrong)).Should().Throw<ArgumentException>().WithMessage($"`layer`*'trunk.stages.0' to 'trunk.stages.2'*'{wrong}'*");
        }
    }

    [Fact]
    public void Neither_a_split_nor_what_is_not_taken_stays_behind()
    {
        using var trunk = new Branched(Abc, Dense, own: [2]);
        LiveTensors.ShouldStayTheSame(() =>
        {
            using var inner = NewDisposeScope();
            using var split = trunk.Split([1]);
        });
    }

    [Fact]
    public void Refuses_what_makes_no_sense()
    {
        Make(own: [3]).Should().Throw<ArgumentOutOfRangeException>().WithMessage("`own`*0 to 2. Found 3*");
        Make(own: [-1]).Should().Throw<ArgumentOutOfRangeException>().WithMessage("*Found -1*");
        Make([1], [["a"], ["b"]]).Should().Throw<ArgumentException>().WithMessage("`groups`*'a', 'b', 'c'*Found 'a'; 'b'*");
        Make([1], [["a", "b"], ["b", "c"]]).Should().Throw<ArgumentException>().WithMessage("`groups`*");
        Make([1], [["a", "b", "c"], []]).Should().Throw<ArgumentException>().WithMessage("`groups`*empty*");
        FluentActions.Invoking(() => new Branched(Array.Empty<string>(), Dense, [1])).Should().Throw<ArgumentException>().WithMessage("`tasks`*none*");
        FluentActions.Invoking(() => new Branched(Abc, () => [], [])).Should().Throw<ArgumentOutOfRangeException>().WithMessage("*at least 1. Found 0*");
        var one = Linear(2, 2);
        FluentActions.Invoking(() => new Branched(Abc, () => [one], [0])).Should().Throw<ArgumentException>().WithMessage("`stages`*new modules*");
        var widths = new Queue<int>([2, 3, 4]);
        FluentActions.Invoking(() => new Branched(Abc, () => [Linear(2, widths.Dequeue())], [0])).Should().Throw<ArgumentException>().WithMessage("`stages`*same modules*[2, 2]*[3, 2]*");
        using var trunk = new Branched(Abc, Dense, own: [1]);
        FluentActions.Invoking(() => trunk.call(X()).For("d")).Should().Throw<KeyNotFoundException>();

        static Func<Branched> Make(int[] own, string[][]? groups = null) => FluentActions.Invoking(() => new Branched(Abc, Dense, own, groups));
    }

    private static IReadOnlyList<Encoder> Dense() => [Sequential(Linear(2, 4), Tanh()), Linear(4, 4), Linear(4, 3)];

    private static Func<IReadOnlyList<Encoder>> Numbers(params double[] factors) => () => [.. factors.Select(f => (Encoder)Sharing.Numbers.Times(f))];

    private static Tensor Row(double value) => Sharing.Numbers.Row(value);

    private static Tensor X() => (arange(8, ScalarType.Float32) * 0.7).sin().reshape(4, 2);

    private static double[] Gradients(nn.Module trunk, Representation z, string task)
    {
        z.For(task).square().sum().backward();
        return [.. trunk.parameters().SelectMany(p => p.grad!.Values())];
    }

    private static void Copy(IEnumerable<TorchSharp.Modules.Parameter> from, IEnumerable<TorchSharp.Modules.Parameter> to) => Sharing.Numbers.Copy(from, to);

    /// <summary>Gives every parameter values of its own.</summary>
    private static void Spread(nn.Module module)
    {
        using var off = no_grad();
        foreach (var p in module.parameters())
        {
            init.normal_(p);
        }
    }

    private static Func<IReadOnlyList<Encoder>> Watched(Dictionary<string, int> runs) => () =>
    {
        var stages = new[] { Linear(2, 2), Linear(2, 2), Linear(2, 2) };
        foreach (var (l, stage) in stages.Index())
        {
            stage.register_forward_hook((_, _, output) =>
            {
                runs[$"{l}"] = runs.GetValueOrDefault($"{l}") + 1;
                return output;
            });
        }

        return [.. stages];
    };

    private sealed class Recurrent : Module<Tensor, Tensor>
    {
        private readonly TorchSharp.Modules.GRU gru = GRU(4, 5, batchFirst: true);

        public Recurrent()
            : base(nameof(Recurrent)) => RegisterComponents();

        public override Tensor forward(Tensor input) => gru.call(input, null!).Item1;
    }
}
