using FluentAssertions;
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
public sealed class ModelSizeTests : IDisposable
{
    private readonly DisposeScope scope = NewDisposeScope();

    public static TheoryData<Type> Trunks => Concrete.TheoryOf<Trunk>();

    public void Dispose() => scope.Dispose();

    [Fact]
    public void Hard_sharing_by_hand()
    {
        var encoder = Sequential(Linear(13, 128), ReLU());
        using var model = new MultiTaskModel(new HardSharing(encoder), [LearningTask.Regression("age", Linear(128, 1)), LearningTask.Classification("income", Linear(128, 5))]);
        ((Linear)encoder[0]).bias!.requires_grad = false;
        var size = ModelSize.Of(model, zeros(7, 13));
        size.Shared.Should().Be(new ParameterCount(13 * 128, 128));
        size.Own.Should().Equal(("age", new ParameterCount(129, 0)), ("income", new ParameterCount(645, 0)));
        size.Total.Total.Should().Be((14 * 128) + 129 + 645);
        size.Other.Should().Be(new ParameterCount(0, 0));
        size.Alone.Should().Equal(("age", (13.0 * 128) + 128), ("income", (13.0 * 128) + 640));
        size.Together.Should().Be((13 * 128) + 768);
        size.Saved.Should().BeApproximately(1 - (2432.0 / 4096), 1e-12);
        size.Uncounted.Should().BeEmpty();
        size.Idle.Should().BeEmpty();
        size.Modules.Select(m => (m.Name, m.Kind, m.MultiplyAdds)).Should().Equal(
            ("trunk.encoder.0", "Linear", 1664), ("heads.age", "Linear", 128), ("heads.income", "Linear", 640));
        size.ToString().Should().Be(
            "        parameters  multiply-adds a sample\n" +
            "shared       1,792\n" +
            "age            129                   1,792                   alone\n" +
            "income         645                   2,304                   alone\n" +
            "all          2,566                   2,432  together, 40.6 % saved\n" +
            "frozen: 128");
    }

    [Fact]
    public void A_single_task_network_saves_nothing()
    {
        using var model = Model(new SingleTask(Names, () => Linear(3, 4)));
        var size = ModelSize.Of(model, zeros(2, 3));
        size.Together.Should().Be(2 * (12 + 4));
        size.Saved.Should().Be(0);
        size.Shared.Total.Should().Be(0);
    }

    [Fact]
    public void What_a_stage_of_the_tasks_own_costs()
    {
        using var model = Model(new Branched(Names, () => [Linear(3, 4), Linear(4, 4), Linear(4, 4)], own: [1]));
        var size = ModelSize.Of(model, zeros(2, 3));
        size.Together.Should().Be(12 + (2 * (16 + 16 + 4)));
        size.Alone["a"].Should().Be(12 + 16 + 16 + 4);
    }

    [Fact]
    public void Mixtures_of_experts_count_gates_and_sums()
    {
        using var mmoe = Model(new MMoE(Names, 5, () => Linear(3, 4)));
        var size = ModelSize.Of(mmoe, zeros(2, 3));
        size.Together.Should().Be((5 * 12) + (2 * ((3 * 5) + (5 * 4) + 4)));
        size.Alone["b"].Should().Be((5 * 12) + (3 * 5) + (5 * 4) + 4);
        size.Modules.Should().Contain(new ModuleSize("mixing", "", 0, 2 * 5 * 4));

        using var one = Model(new OMoE(5, () => Linear(3, 4)));
        ModelSize.Of(one, zeros(2, 3)).Together.Should().Be((5 * 12) + (3 * 5) + (5 * 4) + (2 * 4));

        using var select = Model(new DSelectK(Names, 4, 2, () => Linear(3, 4), perSample: true, gate: width => Linear(3, width)));
        var width = 2 * (2 + 1);
        ModelSize.Of(select, zeros(2, 3)).Together.Should().Be((4 * 12) + (2 * ((3 * width) + (2 * 4) + (4 * 4) + 4)));
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Cross_stitch_units_count_a_term_for_each_task(bool perChannel)
    {
        using var model = Model(new CrossStitch(Names, () => [Linear(3, 4), Linear(4, 4)], perChannel: perChannel));
        var size = ModelSize.Of(model, zeros(2, 3));
        size.Together.Should().Be((2 * (12 + 16)) + (2 * 2 * 2 * 4) + (2 * 4));
        size.Alone["a"].Should().Be((2 * (12 + 16)) + (2 * 2 * 4) + (2 * 4) + 4);
    }

    [Fact]
    public void Fusions_subspaces_and_routes_count_too()
    {
        Func<IReadOnlyList<Encoder>> dense = () => [Linear(4, 4), Linear(4, 4)];
        using var nddr = Model(new NDDR(Names, dense));
        ModelSize.Of(nddr, zeros(2, 4)).Together.Should().Be((2 * 2 * 16) + (2 * 2 * 8 * 4) + (2 * 4));

        using var sluice = Model(new Sluice(Names, dense));
        ModelSize.Of(sluice, zeros(2, 4)).Together.Should().Be((2 * 2 * 16) + (2 * 2 * 4 * 4) + (2 * 2 * 4) + (2 * 4));

        using var snr = Model(new SNR(Names, 3, dense));
        ModelSize.Of(snr, zeros(2, 4)).Together.Should().Be((3 * 2 * 16) + (3 * 3 * 4) + (2 * 3 * 4) + (2 * 4));
    }

    [Fact]
    public void Adapters_attention_and_low_rank_updates_count_too()
    {
        Func<IReadOnlyList<Encoder>> dense = () => [Linear(4, 4), Linear(4, 4)];
        using var adapters = Model(new Adapters(Names, dense(), bottleneck: 2));
        ModelSize.Of(adapters, zeros(2, 4)).Together.Should().Be(16 + (2 * (16 + (2 * 16) + 4)));

        using var mtan = Model(new MTAN(Names, dense()));
        ModelSize.Of(mtan, zeros(2, 4)).Together.Should().Be((2 * 16) + (2 * (16 + 16 + 16 + (8 * 4) + 16 + 4)));

        using var lora = Model(new MTLoRA(Names, Linear(4, 4), rank: 2, sharedRank: 3));
        ModelSize.Of(lora, zeros(2, 4)).Together.Should().Be(2 * (16 + (3 * 8) + (2 * 8) + 4));

        using var film = Model(new FiLM(Names, dense(), embedding: 8));
        ModelSize.Of(film, zeros(4, 4)).Together.Should().Be(16 + (2 * (16 + 4)) + (2 * 2 * 8 * 8 / 4.0), "a batch needs its scales and shifts only once");
    }

    [Fact]
    public void Convolutions_count_their_places()
    {
        Cost(Conv2d(4, 6, 3, padding: 1, stride: 2), zeros(2, 4, 8, 8)).Should().Be(6 * 4 * 9 * 16);
        Cost(Conv2d(4, 6, 3, groups: 2), zeros(2, 4, 8, 8)).Should().Be(6 * 2 * 9 * 36);
        Cost(Conv1d(4, 6, 3), zeros(2, 4, 8)).Should().Be(6 * 4 * 3 * 6);
        Cost(Conv3d(1, 2, 2), zeros([2, 1, 3, 3, 3])).Should().Be(2 * 8 * 8);
        Cost(ConvTranspose2d(4, 6, 3, stride: 2), zeros(2, 4, 5, 5)).Should().Be(25 * 4 * 6 * 9);
        Cost(ConvTranspose1d(4, 6, 3, groups: 2), zeros(2, 4, 5)).Should().Be(5 * 4 * 3 * 3);
    }

    [Fact]
    public void Look_ups_normalisation_and_activations_count_nothing()
    {
        var x = rand(2, 4, 6);
        foreach (var module in new Module<Tensor, Tensor>[] { BatchNorm1d(4), LayerNorm(6), GroupNorm(2, 4), InstanceNorm1d(4, affine: true), PReLU(4), GELU(), Softmax(1), MaxPool1d(2) })
        {
            Cost(module, x).Should().Be(0);
        }

        Cost(Embedding(10, 4), zeros([2, 3], ScalarType.Int64)).Should().Be(0);
    }

    [Fact]
    public void Recurrent_layers_count_all_gates_layers_and_directions()
    {
        Cost(new Wrap<LSTM>(LSTM(3, 4, 2, batchFirst: true, bidirectional: true), (m, x) => m.call(x, null).Item1), zeros(2, 5, 3))
            .Should().Be(5 * 2 * ((16 * (3 + 4)) + (16 * (8 + 4))));
        Cost(new Wrap<GRU>(GRU(3, 4, batchFirst: true), (m, x) => m.call(x, null!).Item1), zeros(2, 5, 3)).Should().Be(5 * 12 * 7);
        Cost(new Wrap<RNN>(RNN(3, 4, batchFirst: true), (m, x) => m.call(x, null!).Item1), zeros(2, 5, 3)).Should().Be(5 * 4 * 7);
        Cost(new Wrap<LSTMCell>(LSTMCell(3, 4), (m, x) => m.call(x, (zeros(2, 4), zeros(2, 4))).Item1), zeros(2, 3)).Should().Be(16 * 7);
        Cost(new Wrap<GRUCell>(GRUCell(3, 4), (m, x) => m.call(x, zeros(2, 4))), zeros(2, 3)).Should().Be(12 * 7);
        Cost(new Wrap<RNNCell>(RNNCell(3, 4), (m, x) => m.call(x, zeros(2, 4))), zeros(2, 3)).Should().Be(4 * 7);
    }

    [Fact]
    public void Attention_counts_projections_scores_and_sums()
    {
        const int E = 8, L = 5, S = 3;
        // [samples, length, width] here, and [length, samples, width] for the native layers
        Cost(new Wrap<MultiheadAttention>(MultiheadAttention(E, 2), (m, x) => Attend(m, x, x)), zeros(2, L, E)).Should().Be((4 * L * E * E) + (2 * L * L * E));
        Cost(new Wrap<MultiheadAttention>(MultiheadAttention(E, 2, kdim: 4, vdim: 4), (m, x) => Attend(m, x, zeros(2, S, 4))), zeros(2, L, E))
            .Should().Be((2 * L * E * E) + (2 * S * E * 4) + (2 * L * S * E));

        const int Layer = (4 * L * E * E) + (2 * L * L * E) + (2 * L * E * 16);
        Cost(new Wrap<TransformerEncoderLayer>(TransformerEncoderLayer(E, 2, 16), (m, x) => m.call(x.transpose(0, 1)).transpose(0, 1)), zeros(2, L, E)).Should().Be(Layer);
        Cost(new Wrap<TransformerEncoder>(TransformerEncoder(TransformerEncoderLayer(E, 2, 16), 3), (m, x) => m.call(x.transpose(0, 1), null!, null!).transpose(0, 1)), zeros(2, L, E)).Should().Be(3 * Layer);
        const int Cross = (2 * L * E * E) + (2 * S * E * E) + (2 * L * S * E);
        Cost(new Wrap<TransformerDecoderLayer>(TransformerDecoderLayer(E, 2, 16), (m, x) => m.call(x.transpose(0, 1), zeros(S, 2, E)).transpose(0, 1)), zeros(2, L, E)).Should().Be(Layer + Cross);

        static Tensor Attend(MultiheadAttention m, Tensor q, Tensor k) =>
            m.call(q.transpose(0, 1), k.transpose(0, 1), k.transpose(0, 1), null!, false, null!).Item1.transpose(0, 1);
    }

    [Fact]
    public void A_bilinear_form_counts_both_products() =>
        Cost(new Wrap<Bilinear>(Bilinear(2, 3, 4), (m, x) => m.call(x, zeros(5, 3))), zeros(5, 2)).Should().Be(4 * 2 * (3 + 1));

    [Fact]
    public void Modules_of_unknown_kind_and_those_not_called_are_listed()
    {
        using var model = Model(new HardSharing(Sequential(("own", new Outer()), ("fc", Linear(4, 4)))));
        var size = ModelSize.Of(model, zeros(2, 4));
        size.Uncounted.Should().Equal("trunk.encoder.own (Outer)", "trunk.encoder.own.extra (ParameterDict)");
        size.Idle.Should().Equal("trunk.encoder.own.by_forward");
        size.Together.Should().Be(16 + (2 * 4), "what is known is counted");
        size.ToString().Should().Contain("not counted: trunk.encoder.own (Outer), trunk.encoder.own.extra (ParameterDict)").And.Contain("not called: trunk.encoder.own.by_forward");
    }

    [Fact]
    public void Tied_parameters_count_once_and_shared_heads_are_shared()
    {
        var head = Linear(4, 1);
        using var model = new MultiTaskModel(new HardSharing(Linear(4, 4)), Names.Select(name => LearningTask.Regression(name, head)));
        var size = ModelSize.Of(model, zeros(2, 4));
        size.Total.Total.Should().Be(25);
        size.Shared.Total.Should().Be(25);
        size.Own.Values.Should().OnlyContain(own => own.Total == 0);
        size.Together.Should().Be(16 + 8, "it runs once for each task");
    }

    [Fact]
    public void What_a_penalty_learns_is_neither_shared_nor_a_tasks()
    {
        using var model = Model(new SoftSharing(Names, () => Linear(4, 4), new GTTN(0.1)));
        var size = ModelSize.Of(model, zeros(2, 4));
        size.Other.Trainable.Should().BePositive();
        size.Uncounted.Should().BeEmpty();
        size.ToString().Should().Contain("\nother ");
    }

    [Fact]
    public void Tasks_with_samples_of_their_own_are_counted_on_them()
    {
        var tasks = new[] { LearningTask.Regression("a", Linear(4, 1)), LearningTask.Regression("b", Linear(4, 1)) };
        tasks[1] = LearningTask.Regression("b", Linear(4, 1), adapter: Linear(2, 3));
        using var model = new MultiTaskModel(new HardSharing(Linear(3, 4)), tasks);
        var batch = new MultiTaskBatch([new(zeros(2, 3), [("a", zeros(2, 1))]), new(zeros(6, 2), [("b", zeros(6, 1))])]);
        var size = ModelSize.Of(model, batch);
        size.Alone.Should().Equal(("a", 12.0 + 4), ("b", 6.0 + 12 + 4));
        size.Together.Should().Be(((2 * 16.0) + (6 * 22)) / 8);
        FluentActions.Invoking(() => ModelSize.Of(model, new MultiTaskBatch(zeros(2, 3), [("a", zeros(2, 1))]))).Should().Throw<ArgumentException>().WithMessage("*none for 'b'*");
    }

    [Theory]
    [MemberData(nameof(Trunks))]
    public void Every_trunk_is_counted_as_a_whole_and_stays_as_it_is(Type type)
    {
        string[] names = ["a", "b", "c"];
        var trunk = Concrete.Trunk(type, names, TrunkContract.Tower);
        trunk.to(ScalarType.Float64);
        using var model = new MultiTaskModel(trunk, names.Select(name => LearningTask.Regression(name, Sequential(Dropout(0.3), Linear(4, 1)))));
        model.to(ScalarType.Float64);
        model.train();
        var x = rand([6, 2], ScalarType.Float64);
        var before = State(model);
        ModelSize? size = null;
        LiveTensors.ShouldStayTheSame(() => size = ModelSize.Of(model, x));
        State(model).Should().Equal(before);
        size!.Uncounted.Should().BeEmpty("a module of ours tells what it costs");
        size.Total.Total.Should().Be(model.parameters().Sum(p => p.numel()));
        size.Other.Total.Should().Be(0);
        size.Alone.Values.Should().OnlyContain(cost => cost > 0 && cost <= size.Together);
        size.Modules.Sum(m => m.MultiplyAdds).Should().BeApproximately(size.Together, 1e-9);
        ModelSize.Of(model, x).ToString().Should().Be(size.ToString(), "the hooks of the first count are gone");
    }

    [Fact]
    public void Hooks_go_also_when_the_model_fails()
    {
        using var model = Model(new HardSharing(Sequential(Linear(4, 4), new Fails())));
        var before = State(model);
        FluentActions.Invoking(() => ModelSize.Of(model, zeros(2, 4))).Should().Throw<InvalidOperationException>().WithMessage("no");
        State(model).Should().Equal(before);
        Fails.Now = false;
        ModelSize.Of(model, zeros(2, 4)).Together.Should().Be(16 + 8);
    }

    private static readonly string[] Names = ["a", "b"];

    /// <summary>Two tasks that read four numbers.</summary>
    private static MultiTaskModel Model(Trunk trunk) => new(trunk, Names.Select(name => LearningTask.Regression(name, Linear(4, 1))));

    /// <summary>What one module costs a sample.</summary>
    private static double Cost(Module<Tensor, Tensor> module, Tensor x)
    {
        using var model = new MultiTaskModel(new HardSharing(module), [LearningTask.Regression("a", Identity())]);
        var size = ModelSize.Of(model, x);
        size.Uncounted.Should().BeEmpty();
        size.Idle.Should().BeEmpty();
        return size.Together;
    }

    private static double[] State(MultiTaskModel model) =>
    [
        .. model.state_dict().Values.SelectMany(t => t.Values()),
        .. model.modules().Select(m => m.training ? 1.0 : 0),
        .. Generator.Default.get_state().bytes.ToArray().Select(b => (double)b),
    ];

    private sealed class Wrap<T> : Module<Tensor, Tensor>
        where T : nn.Module
    {
        private readonly T inner;
        private readonly Func<T, Tensor, Tensor> run;

        public Wrap(T inner, Func<T, Tensor, Tensor> run)
            : base("Wrap")
        {
            (this.inner, this.run) = (inner, run);
            RegisterComponents();
        }

        public override Tensor forward(Tensor input) => run(inner, input);
    }

    private sealed class Outer : Module<Tensor, Tensor>
    {
        private readonly Parameter weight = nn.Parameter(ones(4));
        private readonly ParameterDict extra = new();
        private readonly Linear by_forward = Linear(4, 4);

        public Outer()
            : base(nameof(Outer))
        {
            extra.Add("more", nn.Parameter(ones(4)));
            RegisterComponents();
        }

        public override Tensor forward(Tensor input) => by_forward.forward(input) * weight * extra["more"];
    }

    private sealed class Fails() : Module<Tensor, Tensor>(nameof(Fails))
    {
        public static bool Now { get; set; } = true;

        public override Tensor forward(Tensor input) => Now ? throw new InvalidOperationException("no") : input.alias();
    }
}
