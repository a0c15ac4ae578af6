using FluentAssertions;
using MultiTask.Balancing;
using MultiTask.Data;
using MultiTask.Sharing;
using MultiTask.Tests.Contracts;
using MultiTask.Tests.Fixtures;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace MultiTask.Tests.Sharing;

public sealed class STARTests : IDisposable
{
    private static readonly string[] Names = ["a", "b", "c"];
    private readonly DisposeScope scope = NewDisposeScope();

    public STARTests() => manual_seed(14);

    public void Dispose() => scope.Dispose();

    [Fact]
    public void A_dense_layer_is_the_product_of_the_common_weights_and_the_domains()
    {
        var layer = Linear(2, 2, dtype: ScalarType.Float64);
        Numbers.Set(layer.weight, tensor(new double[,] { { 1, 2 }, { 3, 4 } }));
        Numbers.Set(layer.bias!, tensor(new double[] { 10, 20 }));
        using var trunk = new STAR(["a", "b"], layer);
        Numbers.Set(trunk.Named("dense.a.linear.weight"), tensor(new double[,] { { 2, 0 }, { -1, 0.5 } }));
        Numbers.Set(trunk.Named("dense.a.linear.bias"), tensor(new[] { 0.5, -1 }));
        var z = trunk.call(Numbers.Row(1, 3));
        z.For("a").Values().Should().Equal((1 * 2) + 10.5, (-3 * 1) + (2 * 3) + 19);
        z.For("b").Values().Should().Equal(1 + 6 + 10, 3 + 12 + 20);
    }

    [Fact]
    public void A_domain_is_normalised_by_its_batch_in_training_and_by_its_own_past_at_evaluation()
    {
        var norm = BatchNorm1d(1, dtype: ScalarType.Float64);
        Numbers.Set(norm.weight, tensor(new double[] { 3 }));
        Numbers.Set(norm.bias!, tensor(new[] { 0.5 }));
        using var trunk = new STAR(["a", "b"], Sequential(norm, Numbers.Times(1)));
        Numbers.Set(trunk.Named("norms.a.0.weight"), tensor(new double[] { 2 }));
        Numbers.Set(trunk.Named("norms.a.0.bias"), tensor(new double[] { 1 }));
        trunk.train();

        var (ofA, ofB) = (tensor(new double[] { 1, 3 }, [2, 1]), tensor(new double[] { 10, 14, 18 }, [3, 1]));
        var one = 1 / Math.Sqrt(1 + 1e-5);
        Expect(trunk, ofA, "a", (-6 * one) + 1.5, (6 * one) + 1.5);
        Expect(trunk, ofB, "b", (-3 * 4 / Math.Sqrt((32 / 3.0) + 1e-5)) + 0.5, 0.5, (3 * 4 / Math.Sqrt((32 / 3.0) + 1e-5)) + 0.5);

        // Running variances are those of samples: 2 and 16.
        State(trunk, "norms.a.0").Should().Equal([0.2, (0.9 * 1) + (0.1 * 2), 1], Close);
        State(trunk, "norms.b.0").Should().Equal([1.4, (0.9 * 1) + (0.1 * 16), 1], Close);
        State(trunk, "backbone.0").Should().Equal([0, 1, 0], "samples of all domains together tell nothing");

        trunk.eval();
        Expect(trunk, Numbers.Row(5), "a", (6 * (5 - 0.2) / Math.Sqrt(1.1 + 1e-5)) + 1.5);
        Expect(trunk, Numbers.Row(5), "b", (3 * (5 - 1.4) / Math.Sqrt(2.5 + 1e-5)) + 0.5);
        State(trunk, "norms.a.0").Should().Equal([0.2, 1.1, 1], Close);
    }

    [Fact]
    public void One_sample_in_training_is_normalised_by_the_past_and_moves_nothing()
    {
        using var trunk = new STAR(["a", "b"], Sequential(BatchNorm1d(1, dtype: ScalarType.Float64), Numbers.Times(1)));
        trunk.train();
        Expect(trunk, Numbers.Row(5), "a", 5 / Math.Sqrt(1 + 1e-5));
        State(trunk, "norms.a.0").Should().Equal(0, 1, 0);
    }

    [Fact]
    public void A_sample_alone_has_its_gradient_by_what_it_was_normalised_with()
    {
        using var trunk = new STAR(["a", "b"], Sequential(BatchNorm1d(1, dtype: ScalarType.Float64), Numbers.Times(1)));
        trunk.train();
        var alone = Numbers.Row(5).requires_grad_();
        var z = trunk.call(alone).For("a");
        trunk.call(tensor(new double[] { 100, 300 }, [2, 1])).For("a");
        z.sum().backward();
        alone.grad!.item<double>().Should().BeApproximately(1 / Math.Sqrt(1 + 1e-5), 1e-12);
    }

    [Fact]
    public void Without_a_momentum_the_past_is_the_mean_of_all_batches_and_without_tracking_there_is_none()
    {
        var norm = BatchNorm1d(1, affine: false, dtype: ScalarType.Float64);
        norm.momentum = null;
        using var trunk = new STAR(["a"], Sequential(norm, BatchNorm1d(1, affine: false, track_running_stats: false, dtype: ScalarType.Float64), Numbers.Times(1)));
        trunk.train();
        trunk.call(tensor(new double[] { 1, 3 }, [2, 1])).For("a");
        trunk.call(tensor(new double[] { 5, 11 }, [2, 1])).For("a");
        State(trunk, "norms.a.0").Should().Equal([5.0, 10, 2], Close);
        trunk.TaskParameters("a").Should().HaveCount(1, "what the backbone lacks, tasks lack");
        trunk.eval();
        trunk.call(tensor(new double[] { 1, 3 }, [2, 1])).For("a").Values().Should().Equal([-1, 1], (p, q) => Math.Abs(p - q) < 1e-4);
    }

    [Theory]
    [InlineData(ScalarType.Float32)]
    [InlineData(ScalarType.Float64)]
    public void It_starts_as_hard_sharing(ScalarType dtype)
    {
        Sequential Net() => Sequential(BatchNorm1d(2), Linear(2, 4), BatchNorm1d(4), Tanh(), Linear(4, 3, hasBias: false));
        using var trunk = new STAR(Names, (Module<Tensor, Tensor>)Net().to(dtype));
        using var hard = new HardSharing((Module<Tensor, Tensor>)Net().to(dtype));
        Numbers.Copy(trunk.SharedParameters(), hard.parameters());
        trunk.parameters().Should().OnlyContain(p => p.dtype == dtype);
        var x = randn([5, 2], dtype);
        foreach (var training in new[] { true, false })
        {
            trunk.train(training);
            hard.train(training);
            var expected = hard.call(x).For("b").Values();
            var z = trunk.call(x);
            Names.Should().AllSatisfy(task => z.For(task).Values().Should().Equal(expected));
        }
    }

    [Fact]
    public void A_backbone_that_has_learnt_keeps_its_statistics_for_each_domain()
    {
        var norm = BatchNorm1d(2);
        Numbers.Set(norm.running_mean!, tensor(new[] { 5f, 7 }));
        using var trunk = new STAR(Names, Sequential(norm, Linear(2, 2)));
        trunk.state_dict()["norms.c.0.running_mean"].Values().Should().Equal(5, 7);
        norm.running_mean!.zero_();
        trunk.state_dict()["norms.c.0.running_mean"].Values().Should().Equal([5, 7], "it is a copy");
    }

    [Fact]
    public void Learning_from_one_domain_leaves_the_others_own_alone()
    {
        using var trunk = new STAR(Names, Sequential(BatchNorm1d(2), Linear(2, 4), Tanh(), Linear(4, 4)), Linear(2 + 3, 4), embedding: 3);
        trunk.train();
        string[] Untouched() => [.. trunk.state_dict()
            .Where(s => s.Key.Contains(".a.", StringComparison.Ordinal) || s.Key.Contains(".c.", StringComparison.Ordinal))
            .Select(s => $"{s.Key}: {string.Join(",", s.Value.Values())}")];
        var before = Untouched();
        using var optimizer = optim.SGD(trunk.parameters().ToList(), 0.1);
        trunk.call(randn(6, 2)).For("b").square().sum().backward();
        trunk.TaskParameters("b").Should().HaveCount(7).And.OnlyContain(p => p.HasGradient());
        trunk.SharedParameters().Should().HaveCount(8).And.OnlyContain(p => p.HasGradient());
        trunk.TaskParameters("a").Concat(trunk.TaskParameters("c")).Should().OnlyContain(p => !p.HasGradient());
        optimizer.step();
        Untouched().Should().Equal(before);
    }

    [Fact]
    public void An_auxiliary_network_of_one_tensor_reads_inputs_and_embedding_in_a_row()
    {
        var auxiliary = Linear(3, 1, hasBias: false, dtype: ScalarType.Float64);
        Numbers.Set(auxiliary.weight, Numbers.Row(1, 10, 100));
        using var trunk = new STAR(["a", "b"], Numbers.Times(2), auxiliary, embedding: 2);
        Numbers.Set(trunk.Named("embeddings.a.weight"), tensor(new double[] { 3, 4 }));
        Numbers.Set(trunk.Named("embeddings.b.weight"), tensor(new double[] { 5, 6 }));
        var z = trunk.call(tensor(new double[] { 1, 7 }, [2, 1]));
        z.For("a").Values().Should().Equal(2 + 1 + 30 + 400, 14 + 7 + 30 + 400);
        z.For("b").Values().Should().Equal(2 + 1 + 50 + 600, 14 + 7 + 50 + 600);
        trunk.SharedParameters().Should().HaveCount(2);
        trunk.TaskParameters("a").Should().HaveCount(2);
    }

    [Fact]
    public void An_auxiliary_network_of_several_tensors_reads_the_embedding_as_the_last()
    {
        using var words = new STAR(["a", "b"], Sequential(Embedding(10, 4), Linear(4, 2)), new WordsAndDomain(), embedding: 3);
        words.call(zeros([5, 6], ScalarType.Int64)).For("a").shape.Should().Equal(5, 6, 2);
        using var pairs = new STAR(["a", "b"], new Pair(), new PairAndDomain(), embedding: 3);
        pairs.call([randn(5, 2), randn(5, 4)]).For("b").shape.Should().Equal(5, 2);
        pairs.call([randn(5, 2), randn(5, 4)]).For("b").sum().backward();
        pairs.TaskParameters("b").Should().OnlyContain(p => p.HasGradient());
    }

    [Fact]
    public void An_auxiliary_network_of_one_tensor_reads_inputs_of_several_tensors_flattened()
    {
        using var pairs = new STAR(["a", "b"], new Pair(), Linear(2 + 4 + 3, 2), embedding: 3);
        pairs.call([randn(5, 2), randn(5, 4)]).For("b").shape.Should().Equal(5, 2);
        using var images = new STAR(["a", "b"], Sequential(Conv2d(1, 2, 3), Flatten(), Linear(18, 4)), Linear(25 + 3, 4), embedding: 3);
        images.call(randn(2, 1, 5, 5)).For("b").shape.Should().Equal(2, 4);
    }

    [Fact]
    public void Factors_of_dense_layers_behind_convolutions_and_in_sequences()
    {
        using var images = new STAR(["a", "b"], Sequential(Conv2d(1, 2, 3), BatchNorm2d(2), Flatten(), Sequential(Linear(18, 4))));
        Numbers.Spread(images);
        var x = randn(3, 1, 5, 5);
        var z = images.call(x);
        z.For("a").Values().Should().NotEqual(z.For("b").Values());
        images.state_dict().Keys.Should().Contain(["backbone.3.0.weight", "dense.a.3_0.weight", "dense.b.3_0.bias", "norms.a.1.weight", "norms.b.1.running_var"]);
        images.state_dict().Keys.Should().AllSatisfy(key => key.Should().MatchRegex("^[a-z0-9_]+(\\.[a-z0-9_]+)+$"));

        using var sequences = new STAR(["a", "b"], Sequential(Embedding(10, 6), Linear(6, 5)));
        sequences.call(zeros([2, 4], ScalarType.Int64)).For("a").shape.Should().Equal(2, 4, 5);
    }

    [Fact]
    public void Trains_on_batches_whose_parts_hold_a_domain_each()
    {
        // Domains that are each other's opposite, about different means: neither weights nor statistics can be common.
        var random = new Random(3);
        MultiTaskDataset Domain(string task, float mean, float slope)
        {
            var x = Enumerable.Range(0, 33).Select(_ => new[] { mean + (float)random.NextDouble() }).ToArray();
            return MultiTaskDataset.FromArrays(x, [(task, x.Select(v => slope * (v[0] - mean)).ToArray())]);
        }

        using var first = Domain("a", 10, 1);
        using var second = Domain("b", -10, -1);
        var train = new Together([first.Batches(8, seed: 1), second.Batches(8, seed: 2)]); // the last batches have one sample
        using var trunk = new STAR(["a", "b"], Sequential(BatchNorm1d(1), Linear(1, 8), Tanh(), Linear(8, 4)), Linear(1 + 2, 4), embedding: 2);
        using var model = new MultiTaskModel(trunk, [LearningTask.Regression("a", Linear(4, 1)), LearningTask.Regression("b", Linear(4, 1))]);
        using var trainer = new Trainer(model, new PCGrad(), p => optim.Adam(p, 0.02));
        trainer.Fit(train, options: new() { Epochs = 40 });
        trunk.state_dict()["norms.a.0.running_mean"].Values()[0].Should().BeApproximately(10.5, 0.1);
        trunk.state_dict()["norms.b.0.running_mean"].Values()[0].Should().BeApproximately(-9.5, 0.1);
        State(trunk, "backbone.0").Should().Equal(0, 1, 0);
        trainer.Evaluate(train).TotalLoss.Should().BeLessThan(0.02);
    }

    [Fact]
    public void Refuses_what_makes_no_sense()
    {
        FluentActions.Invoking(() => new STAR(Names, Conv2d(1, 2, 3))).Should().Throw<ArgumentException>().WithMessage("*at least one Linear*none*");
        FluentActions.Invoking(() => new STAR(Names, Linear(2, 2), embedding: 0)).Should().Throw<ArgumentOutOfRangeException>().WithMessage("*`embedding`*at least 1*0*");
        var layer = Linear(2, 2);
        FluentActions.Invoking(() => new STAR(Names, layer, layer)).Should().Throw<ArgumentException>().WithMessage("*`auxiliary`*of its own*");
        FluentActions.Invoking(() => new STAR(Names, layer, Sequential(layer))).Should().Throw<ArgumentException>().WithMessage("*`auxiliary`*of its own*");
        using var wide = new STAR(Names, Linear(2, 2), Linear(2 + 3, 1), embedding: 3);
        wide.Invoking(t => t.call(zeros(4, 2)).For("a")).Should().Throw<ArgumentException>().WithMessage("*`auxiliary`*[4, 2]*[4, 1]*");
        using var trunk = new STAR(Names, Linear(2, 2));
        trunk.Invoking(t => t.call(zeros(4, 2)).For("z")).Should().Throw<KeyNotFoundException>().WithMessage("*'z'*");
    }

    private static bool Close(double p, double q) => Math.Abs(p - q) < 1e-12;

    private static void Expect(STAR trunk, Tensor x, string task, params double[] expected) =>
        trunk.call(x).For(task).Values().Should().Equal(expected, Close);

    /// <summary>Running mean, running variance and number of batches.</summary>
    private static double[] State(STAR trunk, string norm)
    {
        var state = trunk.state_dict();
        return [.. new[] { "running_mean", "running_var", "num_batches_tracked" }.Select(s => state[$"{norm}.{s}"].to(ScalarType.Float64).item<double>())];
    }

    private sealed class WordsAndDomain : Module<Tensor, Tensor, Tensor>
    {
        private readonly Linear layer = Linear(3, 2);

        public WordsAndDomain()
            : base(nameof(WordsAndDomain)) => RegisterComponents();

        public override Tensor forward(Tensor tokenIds, Tensor domain) => layer.call(domain).unsqueeze(1).expand(-1, tokenIds.shape[1], -1);
    }

    private sealed class Pair : Module<Tensor, Tensor, Tensor>
    {
        private readonly Linear layer = Linear(6, 2);

        public Pair()
            : base(nameof(Pair)) => RegisterComponents();

        public override Tensor forward(Tensor first, Tensor second) => layer.call(cat([first, second], 1));
    }

    private sealed class PairAndDomain : Module<Inputs, Tensor>
    {
        private readonly Linear layer = Linear(9, 2);

        public PairAndDomain()
            : base(nameof(PairAndDomain)) => RegisterComponents();

        public override Tensor forward(Inputs inputs)
        {
            var (first, second, domain) = inputs;
            return layer.call(cat([first, second, domain], 1));
        }
    }
}
