using FluentAssertions;
using MultiTask.Data;
using MultiTask.Diagnostics;
using MultiTask.Sharing;
using MultiTask.Tests.Contracts;
using MultiTask.Tests.Fixtures;
using MultiTask.Tests.Training;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace MultiTask.Tests.Diagnostics;

[Collection(GlobalRandomNumbers.Name)]
public sealed class LayerConflictsTests : IDisposable
{
    private readonly DisposeScope scope = NewDisposeScope();

    public LayerConflictsTests() => manual_seed(5);

    public static TheoryData<Type> Trunks => Concrete.TheoryOf<Trunk>();

    public void Dispose() => scope.Dispose();

    [Fact]
    public void Finds_the_layer_and_splitting_it_lowers_both_losses()
    {
        Func<IReadOnlyList<Encoder>> stages = () => [new Adds(0), new Adds(1), new Adds(2)];
        using var data = Opposed();
        var train = data.Batches(16, seed: 3);
        var trunk = new Branched(["a", "b"], stages, own: []);
        using var model = new MultiTaskModel(trunk, Tasks());
        trunk.parameters().ToList().ForEach(p => Zero(p));

        var conflicts = LayerConflicts.Measure(model, train, severity: -0.02);
        conflicts.Batches.Should().Be(4);
        conflicts.Layers.Select(l => l.Name).Should().Equal("trunk.stages.0.map", "trunk.stages.1.map", "trunk.stages.2.map");
        var worst = conflicts.Ranked[0];
        worst.Name.Should().Be("trunk.stages.1.map");
        worst.Score.Should().Be(4);
        worst.Rate.Should().Be(1);
        worst.MeanCosine.Should().BeApproximately(-1, 1e-6);
        conflicts.Ranked.Skip(1).Should().OnlyContain(l => l.Score == 0 && Math.Abs(l.MeanCosine - 1) < 1e-6);

        var shared = Trained(model, train);
        var split = trunk.Split(conflicts.Ranked.Take(1).Select(layer => trunk.StageOf(layer.Name)));
        using var apart = new MultiTaskModel(split, Tasks());
        var after = Trained(apart, train);
        shared.Should().AllSatisfy(loss => loss.Should().BeGreaterThan(0.05));
        after.Should().AllSatisfy(loss => loss.Should().BeLessThan(1e-3));
        LayerConflicts.Measure(apart, train).Layers.Select(l => l.Name).Should().Equal("trunk.stages.0.map", "trunk.stages.2.map");
    }

    [Fact]
    public void The_score_is_Recons_count_of_pairs_below_the_severity()
    {
        // Three tasks whose gradients at the only layer are chosen: 1 and 2 at an angle of cosine -0.6, 3 along neither.
        var directions = new[] { new[] { 1.0, 0 }, [-0.6, 0.8], [0, 1.0] };
        using var model = Linear3();
        var source = Source(model, directions, batches: 3);
        var conflicts = LayerConflicts.Measure(model, source, severity: -0.5);
        var layer = conflicts["trunk.encoder"];
        layer.Pairs.Select(p => (p.First, p.Second, p.Batches, p.Conflicts)).Should().Equal(("a", "b", 3, 3), ("a", "c", 3, 0), ("b", "c", 3, 0));
        layer.Pairs.Select(p => Math.Round(p.MeanCosine, 6)).Should().Equal(-0.6, 0, 0.8);
        layer.Score.Should().Be(3);
        layer.Rate.Should().BeApproximately(1.0 / 3, 1e-12);
        layer.Worst!.Second.Should().Be("b");
        LayerConflicts.Measure(model, source, severity: -0.61)["trunk.encoder"].Score.Should().Be(0);
        LayerConflicts.Measure(model, source, batches: 2, severity: -0.5)["trunk.encoder"].Score.Should().Be(2);
    }

    [Fact]
    public void Sums_of_measurements_are_the_measurement_of_all_batches()
    {
        using var model = Linear3();
        var source = Source(model, [[1.0, 0], [-0.6, 0.8], [0, 1.0]], batches: 5);
        var sum = LayerConflicts.Measure(model, source, 3) + LayerConflicts.Measure(model, source, 2);
        var all = LayerConflicts.Measure(model, source, 5);
        sum.Batches.Should().Be(5);
        sum.ToString().Should().Be(all.ToString());
        FluentActions.Invoking(() => sum + LayerConflicts.Measure(model, source, 2, severity: -0.1)).Should().Throw<ArgumentException>().WithMessage("*same severity*-0.1*");
        using var other = new MultiTaskModel(new HardSharing(Sequential(Linear(2, 1, dtype: ScalarType.Float64))), model.Tasks.Values.Select(t => LearningTask.Regression(t.Name, Identity())));
        FluentActions.Invoking(() => sum + LayerConflicts.Measure(other, source, 2)).Should().Throw<ArgumentException>().WithMessage("*same layers*");
    }

    [Fact]
    public void Absent_tasks_and_gradients_that_are_zero_are_no_pair()
    {
        using var model = Linear3();
        var lacking = Source(model, [[1.0, 0], [-1.0, 0], [0, 0]], batches: 2, without: "b");
        LayerConflicts.Measure(model, lacking)["trunk.encoder"].Pairs.Should().OnlyContain(p => p.Batches == 0 && p.MeanCosine == 0 && p.Rate == 0);
        var alone = Source(model, [[1.0, 0], [-1.0, 0], [0, 0]], batches: 2);
        LayerConflicts.Measure(model, alone)["trunk.encoder"].Pairs.Select(p => p.Batches).Should().Equal(2, 0, 0);
    }

    [Theory]
    [InlineData(1e-18)]
    [InlineData(1e12)]
    public void The_cosine_does_not_depend_on_the_scale(double scale)
    {
        using var model = Linear3();
        var source = Source(model, [[scale, 0], [-0.6, 0.8], [0, scale]], batches: 1);
        LayerConflicts.Measure(model, source)["trunk.encoder"].Pairs.Select(p => Math.Round(p.MeanCosine, 6)).Should().Equal(-0.6, 0, 0.8);
    }

    [Theory]
    [MemberData(nameof(Trunks))]
    public void Works_for_every_trunk_and_leaves_it_as_it_is(Type type)
    {
        string[] names = ["a", "b", "c"];
        var trunk = Concrete.Trunk(type, names, TrunkContract.Tower);
        using var model = new MultiTaskModel(trunk, names.Select(name => LearningTask.Regression(name, Sequential(Dropout(0.3), Linear(4, 1)))));
        model.to(ScalarType.Float64);
        model.train();
        var x = rand([6, 2], ScalarType.Float64);
        var targets = TaskMap.Create(names.Select((name, i) => (name, rand([6, 1], ScalarType.Float64) + i)));
        var source = new Batches(names, _ => [() => new(x, targets), () => new(x, targets)]);
        model.parameters().First().grad = ones_like(model.parameters().First());

        var before = State(model);
        LayerConflicts? conflicts = null;
        LiveTensors.ShouldStayTheSame(() => conflicts = LayerConflicts.Measure(model, source));
        State(model).Should().Equal(before);

        var shared = model.SharedParameters().Where(p => p.requires_grad).ToArray();
        conflicts!.Layers.Sum(l => l.Parameters).Should().Be(shared.Sum(p => p.numel()), "each shared parameter is in one layer");
        conflicts.Layers.Should().NotContain(l => !l.Name.StartsWith("trunk.") || l.Pairs.Count != 3);
        if (shared.Length == 0)
        {
            conflicts.ToString().Should().Be("No layer is shared.");
        }
        else
        {
            conflicts.Batches.Should().Be(2);
            conflicts.Layers.Should().Contain(l => l.Pairs.Any(p => p.Batches == 2));
        }
    }

    [Fact]
    public void A_failure_leaves_the_model_as_it_is_too()
    {
        var norm = Sequential(Linear(2, 2), BatchNorm1d(2), Dropout(0.5));
        using var model = new MultiTaskModel(new HardSharing(norm), [LearningTask.Regression("a", Linear(2, 1)), LearningTask.Regression("b", Linear(2, 1))]);
        var (good, bad) = (rand(4, 2), full([4, 2], double.NaN, ScalarType.Float32));
        var targets = TaskMap.Create(("a", rand(4, 1)), ("b", rand(4, 1)));
        var before = State(model);
        LiveTensors.ShouldStayTheSame(() => FluentActions.Invoking(() => LayerConflicts.Measure(model, new Batches(["a", "b"], _ => [() => new(good, targets), () => new(bad, targets)])))
            .Should().Throw<NonFiniteException>());
        State(model).Should().Equal(before);
    }

    [Fact]
    public void The_layer_of_a_native_module_is_the_whole_module_and_frozen_layers_are_none()
    {
        var encoder = Sequential(("words", Embedding(9, 8)), ("layer", TransformerEncoderLayer(8, 2, 16)), ("last", Linear(8, 2)));
        using var model = new MultiTaskModel(new HardSharing(encoder), [LearningTask.Regression("a", Linear(2, 1)), LearningTask.Regression("b", Linear(2, 1))]);
        model.named_parameters().Single(p => p.name == "trunk.encoder.words.weight").parameter.requires_grad = false;
        var targets = TaskMap.Create(("a", rand(3, 4, 1)), ("b", rand(3, 4, 1)));
        var ids = arange(12).remainder(9).reshape(3, 4);
        var conflicts = LayerConflicts.Measure(model, new Batches(["a", "b"], _ => [() => new(ids, targets)]));
        conflicts.Layers.Select(l => l.Name).Should().Equal("trunk.encoder.layer", "trunk.encoder.last");
    }

    [Fact]
    public void The_table_reads_well()
    {
        using var model = Linear3();
        var text = LayerConflicts.Measure(model, Source(model, [[1.0, 0], [-0.6, 0.8], [0, 1.0]], batches: 4), severity: -0.02).ToString();
        text.Should().Be(
            "4 batches, severity -0.02\n" +
            "layer          parameters  score  conflicts  mean cosine       worst pair\n" +
            "trunk.encoder           2      4     33.3 %        0.067  a and b 100.0 %");
    }

    [Fact]
    public void Refuses_what_makes_no_sense()
    {
        using var model = Linear3();
        var source = Source(model, [[1.0, 0], [-0.6, 0.8], [0, 1.0]], batches: 1);
        FluentActions.Invoking(() => LayerConflicts.Measure(model, source, batches: 0)).Should().Throw<ArgumentOutOfRangeException>().WithMessage("`batches`*Found 0*");
        foreach (var severity in new[] { 0.1, -1, double.NaN })
        {
            FluentActions.Invoking(() => LayerConflicts.Measure(model, source, severity: severity)).Should().Throw<ArgumentOutOfRangeException>().WithMessage("`severity` should be in (-1, 0]*");
        }

        FluentActions.Invoking(() => LayerConflicts.Measure(model, source)["trunk"]).Should().Throw<KeyNotFoundException>().WithMessage("*'trunk.encoder'*");
        FluentActions.Invoking(() => LayerConflicts.Measure(model, source, cancellationToken: new(canceled: true))).Should().Throw<OperationCanceledException>();
    }

    /// <summary>Tasks a, b and c on one linear map of two numbers to one.</summary>
    private static MultiTaskModel Linear3()
    {
        var map = Linear(2, 1, hasBias: false, dtype: ScalarType.Float64);
        Zero(map.weight!);
        return new(new HardSharing(map), new[] { "a", "b", "c" }.Select(name => LearningTask.Regression(name, Identity())));
    }

    /// <summary>Batches in which the tasks' gradients at the map are −directions: of (w x − y)² at w = 0 it is −2 y x, over parts of their own.</summary>
    private static Batches Source(MultiTaskModel model, double[][] directions, int batches, string? without = null)
    {
        var parts = model.Tasks.Tasks.Zip(directions).Where(t => t.First != without).ToArray();
        return new([.. model.Tasks.Tasks], _ => Enumerable.Repeat<Func<MultiTaskBatch>>(Batch, batches));

        MultiTaskBatch Batch() => new(parts.Select(part => new BatchPart(tensor(part.Second, [1, 2]), [(part.First, ones([1, 1], ScalarType.Float64))])));
    }

    /// <summary>Targets of three numbers, linear in x; the tasks agree on the first and the last, and are opposed in the second.</summary>
    private static MultiTaskDataset Opposed()
    {
        var x = randn(64, 2);
        var truth = x.matmul(tensor(new float[] { 1, 0, 1, 0, 1, -1 }, [2, 3]));
        var (inputs, mirrored) = (cat([x, zeros(64, 3)], 1), truth * tensor(new float[] { 1, -1, 1 }));
        return new(inputs, [("a", truth), ("b", mirrored)]);
    }

    private static LearningTask[] Tasks() => [LearningTask.Regression("a", new LastThree()), LearningTask.Regression("b", new LastThree())];

    private static double[] Trained(MultiTaskModel model, BatchSource train)
    {
        using var balancer = new MultiTask.Balancing.EqualWeights();
        using var trainer = new Trainer(model, balancer, p => optim.SGD(p, 0.3));
        trainer.Fit(train, null, new() { Epochs = 60 });
        return [.. trainer.Evaluate(train).Tasks.Values.Select(report => report.Loss)];
    }

    private static void Zero(Tensor parameter)
    {
        using var off = no_grad();
        parameter.zero_();
    }

    private static double[] State(MultiTaskModel model) =>
    [
        .. model.state_dict().Values.SelectMany(t => t.Values()),
        .. model.parameters().SelectMany(p => p.grad is { } g ? g.Values() : [double.NegativeInfinity]),
        .. model.modules().Select(m => m.training ? 1.0 : 0),
        .. Generator.Default.get_state().bytes.ToArray().Select(b => (double)b),
    ];

    /// <summary>Adds a linear map of the first two numbers to one of the last three.</summary>
    private sealed class Adds : Module<Tensor, Tensor>
    {
        private readonly Linear map = Linear(2, 1, hasBias: false);
        private readonly int position;

        public Adds(int position)
            : base(nameof(Adds))
        {
            this.position = position;
            RegisterComponents();
        }

        public override Tensor forward(Tensor input)
        {
            var added = map.call(input.narrow(1, 0, 2));
            return input + nn.functional.pad(added, [2 + position, 2 - position]);
        }
    }

    private sealed class LastThree() : Module<Tensor, Tensor>(nameof(LastThree))
    {
        public override Tensor forward(Tensor input) => input.narrow(1, 2, 3);
    }
}
