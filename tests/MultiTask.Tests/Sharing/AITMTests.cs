using FluentAssertions;
using MultiTask.Balancing;
using MultiTask.Data;
using MultiTask.Sharing;
using MultiTask.Tests.Fixtures;
using MultiTask.Tests.Training;
using MultiTask.Training;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace MultiTask.Tests.Sharing;

public sealed class AITMTests : IDisposable
{
    private static readonly string[] Names = ["click", "cart", "buy"];
    private readonly DisposeScope scope = NewDisposeScope();

    public AITMTests() => manual_seed(5);

    public void Dispose() => scope.Dispose();

    [Fact]
    public void A_step_attends_to_the_step_before_and_to_its_own_tower()
    {
        using var trunk = OnMixture();
        Numbers.Spread(trunk);
        var x = randn([4, 2], ScalarType.Float64);
        var outputs = trunk.call(x);
        var below = trunk.ByName().Where(p => p.Key.StartsWith("inner.", StringComparison.Ordinal)).Select(p => p.Value).ToArray();
        using var mixture = Below();
        Numbers.Copy(below, mixture.parameters());
        var weights = new double[4, 2];
        for (var i = 0; i < 4; i++)
        {
            double[]? z = null;
            for (var t = 0; t < 3; t++)
            {
                var q = Map(trunk, $"towers.{Names[t]}", mixture.call(x).For(Names[t])[i].Values());
                if (z is null)
                {
                    z = q;
                }
                else
                {
                    double[] p = [.. Map(trunk, $"transfers.{Names[t]}.0", z).Select(v => Math.Max(v, 0))];
                    double Score(double[] u) => Map(trunk, "attention.query", u).Zip(Map(trunk, "attention.key", u), (a, b) => a * b).Sum() / Math.Sqrt(3);
                    var w = 1 / (1 + Math.Exp(Score(q) - Score(p)));
                    z = [.. Map(trunk, "attention.value", p).Zip(Map(trunk, "attention.value", q), (a, b) => (w * a) + ((1 - w) * b))];
                    weights[i, t - 1] = w;
                }

                outputs.For(Names[t])[i, 0].item<double>().Should().BeApproximately(Map(trunk, $"outputs.{Names[t]}", z).Single(), 1e-12);
            }
        }

        outputs.Shared.Should().BeNull();
        outputs.For("buy").shape.Should().Equal(4, 1);
        var mixtures = trunk.Mixtures(x);
        mixtures.Select(m => m.Name).Should().Equal("attention", "gates");
        mixtures[0].Rows.Should().Equal("cart", "buy");
        mixtures[0].Columns.Should().Equal("before", "own");
        for (var t = 0; t < 2; t++)
        {
            var mean = Enumerable.Range(0, 4).Average(i => weights[i, t]);
            mixtures[0].Values[t, 0].Should().BeApproximately(mean, 1e-12);
            mixtures[0].Values[t, 1].Should().BeApproximately(1 - mean, 1e-12);
        }

        mixtures[1].Rows.Should().Equal(Names);
    }

    [Fact]
    public void The_penalty_is_the_calibrator_and_so_is_its_gradient()
    {
        using var trunk = OnMixture(calibration: 0.6);
        Numbers.Spread(trunk);
        var x = randn([50, 2], ScalarType.Float64);
        var z = trunk.call(x);
        var p = Names.Select(task => z.For(task).Values().Select(a => 1 / (1 + Math.Exp(-a))).ToArray()).ToArray();
        var expected = 0.6 * Enumerable.Range(1, 2).Sum(t => Enumerable.Range(0, 50).Average(i => Math.Max(p[t][i] - p[t - 1][i], 0)));
        expected.Should().BePositive();
        trunk.Penalty()!.item<double>().Should().BeApproximately(expected, 1e-12);

        trunk.Penalty()!.backward(retain_graph: true);
        z.For("click").sum().backward(); // the graph is still there
        foreach (var parameter in trunk.parameters())
        {
            parameter.grad = null;
        }

        trunk.call(x).For("click");
        trunk.Penalty().Should().BeNull("a step alone exceeds nothing");
        z = trunk.call(x);
        Names.Select(z.For).ToArray().Should().HaveCount(3);
        trunk.Penalty()!.backward();
        foreach (var (name, parameter) in trunk.named_parameters().Where(n => n.name is "outputs.cart.bias" or "attention.value" or "inner.experts.0.weight" or "towers.click.weight"))
        {
            var numeric = Slope(parameter, () =>
            {
                var logits = trunk.call(x);
                Names.Select(logits.For).ToArray().Should().HaveCount(3);
                return trunk.Penalty()!.item<double>();
            });
            parameter.grad!.Values()[0].Should().BeApproximately(numeric, 1e-6, name);
        }
    }

    [Fact]
    public void The_penalty_covers_the_pairs_that_were_asked_for()
    {
        using var trunk = OnMixture(calibration: 1);
        Numbers.Spread(trunk);
        trunk.Set("outputs.click.bias", -3);
        trunk.Set("outputs.cart.bias", 0);
        trunk.Set("outputs.buy.bias", 3);
        var x = randn([6, 2], ScalarType.Float64);
        Tensor? Of(params string[] tasks)
        {
            var z = trunk.call(x);
            tasks.Select(z.For).ToArray().Should().HaveCount(tasks.Length);
            return trunk.Penalty();
        }

        var (first, second) = (Of("click", "cart")!.item<double>(), Of("buy", "cart")!.item<double>());
        first.Should().BePositive();
        second.Should().BePositive();
        Of(Names)!.item<double>().Should().BeApproximately(first + second, 1e-12);
        Of("buy", "click").Should().BeNull("they are no neighbours");
        Of("buy").Should().BeNull();
    }

    [Fact]
    public void Without_a_training_pass_there_is_no_penalty()
    {
        using var trunk = OnMixture();
        Numbers.Spread(trunk);
        var x = randn([6, 2], ScalarType.Float64);
        void Run()
        {
            var z = trunk.call(x);
            Names.Select(z.For).ToArray().Should().HaveCount(3);
        }

        trunk.Penalty().Should().BeNull();
        using (no_grad())
        {
            Run();
        }

        trunk.Penalty().Should().BeNull();
        trunk.Mixtures(x);
        trunk.Penalty().Should().BeNull();
        trunk.eval();
        Run();
        trunk.Penalty().Should().BeNull();
        trunk.train();
        Run();
        trunk.Penalty().Should().NotBeNull();
        trunk.EndStep(0.1);
        trunk.Penalty().Should().BeNull("the step is over");
        using (NewDisposeScope())
        {
            Run();
            trunk.Penalty().Should().NotBeNull();
        }

        trunk.Invoking(t => t.Penalty()).Should().Throw<InvalidOperationException>().WithMessage("*last training pass*disposed*");
        using var off = OnMixture(calibration: 0);
        off.call(x).For("cart");
        off.call(x).For("click");
        off.Penalty().Should().BeNull();
    }

    [Fact]
    public void Leaves_no_tensor_behind_but_those_of_the_scope()
    {
        using var trunk = OnMixture();
        var x = randn([6, 2], ScalarType.Float64);
        LiveTensors.ShouldStayTheSame(() =>
        {
            using var inner = NewDisposeScope();
            var z = trunk.call(x);
            var sum = Names.Select(z.For).Aggregate((a, b) => a + b).sum();
            trunk.Penalty()!.backward(retain_graph: true);
            sum.backward();
        });
        LiveTensors.ShouldStayTheSame(() =>
        {
            using var inner = NewDisposeScope();
            trunk.Mixtures(x);
        });
    }

    [Fact]
    public void The_penalties_of_both_trunks_are_added()
    {
        using var trunk = new AITM(Names, new SoftSharing(Names, Expert.Plain, new L2Distance(2), schedule: clock => 1 + clock.Steps + (10 * clock.Epochs)), Tower);
        trunk.Set("inner.towers.cart.weight", 1, 2, 3, 4);
        var alone = trunk.Penalty()!.item<double>();
        alone.Should().BePositive();
        trunk.Set("outputs.cart.bias", 5);
        var z = trunk.call(randn([4, 2], ScalarType.Float64));
        var (click, cart) = (z.For("click").sigmoid(), z.For("cart").sigmoid());
        var excess = (cart - click).clamp_min(0).mean().item<double>();
        excess.Should().BePositive();
        trunk.Penalty()!.item<double>().Should().BeApproximately(alone + (0.6 * excess), 1e-12);
        trunk.EndStep(0.1);
        trunk.EndEpoch();
        trunk.Penalty()!.item<double>().Should().BeApproximately(12 * alone, 1e-9);
    }

    [Theory]
    [InlineData(BalanceAt.SharedParameters)]
    [InlineData(BalanceAt.Representation)]
    public void The_trainer_brings_a_later_step_below_the_earlier_one(BalanceAt place)
    {
        string[] tasks = ["click", "buy"];
        double Excess(double calibration)
        {
            manual_seed(3);
            var trunk = new AITM(tasks, new HardSharing(Sequential(Linear(2, 8), Tanh())), () => Sequential(Linear(8, 4), ReLU()), calibration: calibration);
            using var model = new MultiTaskModel(trunk, tasks.Select(task => LearningTask.Binary(task, Identity())));
            // Labels that contradict the chain: more purchases than clicks.
            using var data = new MultiTaskDataset(randn(32, 2), [("click", full([32, 1], 0.2f)), ("buy", full([32, 1], 0.8f))]);
            using var trainer = new Trainer(model, new EqualWeights(), parameters => optim.Adam(parameters, 0.02));
            trainer.Fit(data.Batches(16), options: new() { Epochs = 75, BalanceAt = place });
            trunk.Penalty().Should().BeNull("the last step is over");
            var outputs = model.call(data.Inputs);
            return (outputs["buy"].sigmoid() - outputs["click"].sigmoid()).mean().item<float>();
        }

        Excess(0).Should().BeApproximately(0.6, 0.05);
        Excess(5).Should().BeLessThan(0.1);
    }

    [Fact]
    public void A_loss_reaches_the_steps_up_to_its_own()
    {
        using var trunk = OnMixture();
        Numbers.Spread(trunk);
        HashSet<string> Reached(string task)
        {
            foreach (var p in trunk.parameters())
            {
                p.grad = null;
            }

            trunk.call(randn([50, 2], ScalarType.Float64)).For(task).square().sum().backward();
            return [.. trunk.Reached()];
        }

        var reached = Names.ToDictionary(task => task, Reached);
        foreach (var (name, parameter) in trunk.named_parameters())
        {
            var by = Names.Where(task => reached[task].Contains(name)).ToArray();
            by.Should().NotBeEmpty();
            trunk.SharedParameters().Any(p => p.Handle == parameter.Handle).Should().Be(by.Length > 1, name);
            Names.Where(task => trunk.TaskParameters(task).Any(p => p.Handle == parameter.Handle)).Should().Equal(by.Length == 1 ? by : [], name);
        }

        NamesOf(trunk, trunk.TaskParameters("click")).Should().BeEquivalentTo("outputs.click.weight", "outputs.click.bias");
        NamesOf(trunk, trunk.MixingParameters()).Should().BeEquivalentTo(
            "inner.gates.click.weight", "inner.gates.cart.weight", "inner.gates.buy.weight", "attention.query", "attention.key");
    }

    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    public void In_short_chains_what_serves_the_last_step_alone_is_its_own(int length)
    {
        var names = Names.Take(length).ToArray();
        using var trunk = new AITM(names, new HardSharing(Expert.Plain()), Tower);
        NamesOf(trunk, trunk.SharedParameters()).Should().BeEquivalentTo(length == 1 ? ["inner.encoder.weight"] : ["inner.encoder.weight", "towers.click.weight"]);
        NamesOf(trunk, trunk.TaskParameters(names[^1])).Should().BeEquivalentTo(trunk.named_parameters().Select(p => p.name)
            .Except(NamesOf(trunk, trunk.SharedParameters()))
            .Where(name => length == 1 || name is not ("outputs.click.weight" or "outputs.click.bias")));
        trunk.Mixtures(randn([3, 2], ScalarType.Float64)).Should().HaveCount(length - 1);
    }

    [Fact]
    public void Only_what_a_task_needs_runs()
    {
        var ran = new List<string>();
        var names = new Queue<string>(Names);
        using var trunk = new AITM(Names, new HardSharing(Linear(2, 2)), () =>
        {
            var name = names.Dequeue();
            var tower = Linear(2, 3);
            tower.register_forward_hook((_, _, output) =>
            {
                ran.Add(name);
                return output;
            });
            return tower;
        });
        var x = randn(3, 2);
        trunk.call(x).For("cart");
        ran.Should().BeEquivalentTo("click", "cart");
        ran.Clear();
        var z = trunk.call(x);
        z.For("buy");
        z.For("click");
        z.For("cart");
        ran.Should().BeEquivalentTo(Names);
    }

    [Fact]
    public void Labels_may_be_missing_of_some_samples()
    {
        using var trunk = OnMixture();
        Numbers.Spread(trunk);
        using var model = new MultiTaskModel(trunk, Names.Select(task => LearningTask.Binary(task, Identity())));
        var x = randn([4, 2], ScalarType.Float64);
        TaskMap<Tensor> targets =
        [
            ("click", tensor(new[] { 1.0, 0, 1, 1 }).unsqueeze(1)),
            ("buy", tensor(new[] { double.NaN, 0, 1, double.NaN }).unsqueeze(1)),
        ];
        var losses = model.Losses(model.call(x), targets);
        losses["buy"].backward();
        var gradients = trunk.parameters().Select(p => p.grad?.Values() ?? []).ToArray();
        var penalty = trunk.Penalty()!.item<double>();
        foreach (var p in trunk.parameters())
        {
            p.grad = null;
        }

        var rows = tensor(new long[] { 1, 2 });
        var known = model.Losses(model.call(x.index_select(0, rows)), targets.Map((_, t) => t.index_select(0, rows)));
        known["buy"].item<double>().Should().BeApproximately(losses["buy"].item<double>(), 1e-12);
        known["buy"].backward();
        trunk.parameters().Select(p => p.grad?.Values() ?? []).SelectMany(g => g).Should().Equal(gradients.SelectMany(g => g), (a, b) => Math.Abs(a - b) < 1e-12);

        model.Losses(model.call(x), [("click", targets["click"])]);
        trunk.Penalty()!.item<double>().Should().BeApproximately(penalty, 1e-12, "it needs no labels");
        model.Losses(model.Outputs(x, ["buy"]), targets.Filter((task, _) => task == "buy")).Tasks.Should().Equal("buy");
        trunk.Penalty().Should().BeNull();
    }

    [Fact]
    public void Starts_as_in_the_authors_code()
    {
        using var trunk = new AITM(Names, new HardSharing(Linear(2, 64)), () => Sequential(Linear(64, 32), ReLU()));
        foreach (var name in new[] { "attention.value", "attention.query", "attention.key" })
        {
            var weight = trunk.ByName()[name];
            weight.shape.Should().Equal(32, 32);
            weight.std().item<float>().Should().BeApproximately(0.01f, 0.001f);
            weight.mean().item<float>().Should().BeApproximately(0, 0.002f);
        }

        foreach (var (name, bound) in new[] { ("transfers.buy.0", Math.Sqrt(6.0 / 64)), ("outputs.cart", Math.Sqrt(6.0 / 33)) })
        {
            trunk.ByName()[$"{name}.weight"].abs().max().item<float>().Should().BeInRange(0.8f * (float)bound, (float)bound);
            trunk.ByName()[$"{name}.bias"].abs().max().item<float>().Should().Be(0);
        }
    }

    [Fact]
    public void State_keys_read_well()
    {
        using var trunk = new AITM(["click", "buy"], new HardSharing(Linear(3, 2)), () => Linear(2, 4));
        trunk.state_dict().Keys.Should().Equal(
            "inner.encoder.weight", "inner.encoder.bias", "towers.click.weight", "towers.click.bias", "towers.buy.weight", "towers.buy.bias",
            "transfers.buy.0.weight", "transfers.buy.0.bias", "attention.value", "attention.query", "attention.key",
            "outputs.click.weight", "outputs.click.bias", "outputs.buy.weight", "outputs.buy.bias");
    }

    [Fact]
    public void Images_and_sequences_may_be_below()
    {
        using var images = new AITM(Names, new HardSharing(Expert.Convolution()), () => Linear(8, 3, dtype: ScalarType.Float64));
        images.call(randn([3, 1, 4, 4], ScalarType.Float64)).For("buy").shape.Should().Equal(3, 1);
        using var words = new AITM(Names, new HardSharing(Embedding(10, 4)), () => Sequential(Flatten(), Linear(12, 5), ReLU()), transfer: () => Sequential(Linear(5, 5), Tanh(), Dropout(0.3)));
        words.call(tensor(new long[] { 1, 2, 3, 4, 5, 1 }).reshape(2, 3)).For("buy").shape.Should().Equal(2, 1);
        using var told = new AITM(Names, new HardSharing(Linear(2, 3)), () => Tanh(), width: 3);
        told.call(randn(2, 2)).For("buy").shape.Should().Equal(2, 1);
    }

    [Fact]
    public void Refuses_arguments_that_make_no_sense()
    {
        FluentActions.Invoking(() => new AITM(Names, Below(), Tower, calibration: -0.5)).Should().Throw<ArgumentOutOfRangeException>().WithMessage("`calibration` should be non-negative*Found -0.5.*");
        FluentActions.Invoking(() => new AITM(Names, Below(), Tower, width: 0)).Should().Throw<ArgumentOutOfRangeException>().WithMessage("`width` should be at least 1. Found 0.*");
        FluentActions.Invoking(() => new AITM(Names, Below(), () => Tanh())).Should().Throw<ArgumentException>().WithMessage("*end with a Linear*Tanh*Give `width`.");
        FluentActions.Invoking(() => new AITM(Array.Empty<string>(), Below(), Tower)).Should().Throw<ArgumentException>().WithMessage("*at least one task. Found none.*");
        FluentActions.Invoking(() => new AITM(["click", "refund"], Below(), Tower)).Should().Throw<ArgumentException>().WithMessage("MMoE*'refund'*");
        FluentActions.Invoking(() => new AITM(Names, null!, Tower)).Should().Throw<ArgumentNullException>();
        var one = Linear(3, 3, dtype: ScalarType.Float64);
        FluentActions.Invoking(() => new AITM(Names, Below(), () => one)).Should().Throw<ArgumentException>().WithMessage("`tower`*new modules*twice*");
        FluentActions.Invoking(() => new AITM(Names, Below(), Tower, () => one)).Should().Throw<ArgumentException>().WithMessage("`transfer`*new modules*twice*");
    }

    [Fact]
    public void Refuses_widths_that_do_not_fit()
    {
        var widths = new Queue<int>([3, 4, 3]);
        using var unlike = new AITM(Names, new HardSharing(Linear(2, 2)), () => Linear(2, widths.Dequeue()));
        unlike.Invoking(t => t.call(randn(5, 2)).For("cart")).Should().Throw<ArgumentException>().WithMessage("The tower of 'cart'*[5, 3]*[5, 4]*");
        using var narrow = new AITM(Names, new HardSharing(Linear(2, 2)), () => Linear(2, 3), () => Linear(3, 2));
        narrow.Invoking(t => t.call(randn(5, 2)).For("cart")).Should().Throw<ArgumentException>().WithMessage("The transfer to 'cart'*[5, 3]*[5, 2]*");
        using var sequence = new AITM(Names, new HardSharing(Embedding(10, 2)), () => Linear(2, 3));
        sequence.Invoking(t => t.call(zeros([5, 4], ScalarType.Int64)).For("click")).Should().Throw<ArgumentException>().WithMessage("The tower of 'click'*[5, 3]*[5, 4, 3]*");
    }

    private static MMoE Below() => new(Names, 2, Expert.Plain);

    private static Encoder Tower() => Linear(2, 3, hasBias: false, dtype: ScalarType.Float64);

    private static AITM OnMixture(double calibration = 0.6) => new(Names, Below(), Tower, calibration: calibration);

    /// <summary>W x + b, with the parameters of that name.</summary>
    private static double[] Map(nn.Module module, string name, double[] x)
    {
        var all = module.ByName();
        var weight = all.TryGetValue($"{name}.weight", out var w) ? w : all[name];
        var rows = weight.shape[0];
        var (a, b) = (weight.Values(), all.TryGetValue($"{name}.bias", out var bias) ? bias.Values() : new double[rows]);
        return [.. Enumerable.Range(0, (int)rows).Select(i => b[i] + x.Select((v, j) => a[(i * x.Length) + j] * v).Sum())];
    }

    /// <summary>The derivative by the first entry of a parameter, by differences.</summary>
    private static double Slope(Parameter parameter, Func<double> value)
    {
        const double h = 1e-6;
        void Move(double by)
        {
            using var off = no_grad();
            parameter.flatten()[0].add_(by);
        }

        Move(h);
        var above = value();
        Move(-2 * h);
        var below = value();
        Move(h);
        return (above - below) / (2 * h);
    }

    private static string[] NamesOf(nn.Module module, IEnumerable<Parameter> parameters) =>
        [.. parameters.Select(p => module.named_parameters().Single(n => n.parameter.Handle == p.Handle).name)];
}
