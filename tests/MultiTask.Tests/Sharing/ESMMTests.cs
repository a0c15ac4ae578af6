using FluentAssertions;
using MultiTask.Sharing;
using MultiTask.Tests.Fixtures;
using MultiTask.Tests.Training;
using TorchSharp;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace MultiTask.Tests.Sharing;

public sealed class ESMMTests : IDisposable
{
    private static readonly string[] Names = ["click", "cart", "buy"];
    private readonly DisposeScope scope = NewDisposeScope();

    public ESMMTests() => manual_seed(5);

    public void Dispose() => scope.Dispose();

    [Fact]
    public void A_tasks_output_is_the_logit_of_the_product_of_the_probabilities_up_to_it()
    {
        using var trunk = OfLogits();
        var a = randn([20, 3], ScalarType.Float64) * 3;
        var z = trunk.call(a);
        z.Shared.Should().BeNull();
        for (var i = 0; i < 20; i++)
        {
            var product = 1.0;
            for (var t = 0; t < 3; t++)
            {
                product *= Sigmoid(a[i, t].item<double>());
                z.For(Names[t])[i, 0].item<double>().Should().BeApproximately(Math.Log(product / (1 - product)), 1e-9);
            }
        }

        z.For("click").Values().Should().Equal(Column(a, 0).Values(), "the first is its own logit, to the bit");
        z.For("buy").shape.Should().Equal(20, 1);
    }

    [Fact]
    public void Losses_and_gradients_are_those_of_the_product_of_probabilities()
    {
        using var trunk = OfLogits();
        using var model = Model(trunk);
        var labels = Labels((1, 1, 0), (0, 0, 0), (1, 1, 1), (1, 0, 0));
        var values = randn([4, 3], ScalarType.Float64);
        var a = values.clone().requires_grad_();
        var losses = model.Losses(model.call(a), labels);
        losses.Values.Aggregate((x, y) => x + y).backward();

        var plain = values.clone().requires_grad_();
        var p = ones([4, 1], ScalarType.Float64);
        var expected = zeros([], ScalarType.Float64);
        for (var t = 0; t < 3; t++)
        {
            p *= Column(plain, t).sigmoid();
            var loss = -((labels[Names[t]] * p.log()) + ((1 - labels[Names[t]]) * (1 - p).log())).mean();
            losses[Names[t]].item<double>().Should().BeApproximately(loss.item<double>(), 1e-12);
            expected += loss;
        }

        expected.backward();
        a.grad!.Values().Should().Equal(plain.grad!.Values(), (x, y) => Math.Abs(x - y) < 1e-12);
    }

    [Fact]
    public void Values_and_gradients_are_right_at_extreme_logits()
    {
        using var trunk = OfLogits();
        trunk.to(ScalarType.Float32);
        float[] extremes = [-100, -20, -1e-3f, 0, 20, 100, 1e4f, -1e4f];
        foreach (var first in extremes)
        {
            foreach (var second in extremes)
            {
                var a = tensor(new[] { first, second, 100 }).reshape(1, 3).requires_grad_();
                var logit = trunk.call(a).For("cart");
                logit.item<float>().Should().BeApproximately((float)Logit(first, second), 1e-5f * (1 + MathF.Abs(first) + MathF.Abs(second)));
                logit.backward();
                var (p, q) = (Sigmoid(first), Sigmoid(second));
                var gradient = a.grad!.to(ScalarType.Float64).Values();
                gradient.Should().OnlyContain(g => double.IsFinite(g) && g >= 0 && g <= 1.0001);
                if (Math.Abs(first) <= 20 && Math.Abs(second) <= 20)
                {
                    gradient[0].Should().BeApproximately((1 - p) / (1 - (p * q)), 1e-5);
                    gradient[1].Should().BeApproximately((1 - q) / (1 - (p * q)), 1e-5);
                }
            }
        }
    }

    [Theory]
    [InlineData(100, 100, 0.5, 0.5)] // both are certain, and the doubt is shared
    [InlineData(-100, 100, 1, 0)]
    [InlineData(-100, -100, 1, 1)]
    [InlineData(1000, 1000, 0.5, 0.5)]
    public void Gradients_do_not_vanish_where_probabilities_round(float first, float second, double ofFirst, double ofSecond)
    {
        using var trunk = OfLogits();
        trunk.to(ScalarType.Float32);
        var a = tensor(new[] { first, second, 0 }).reshape(1, 3).requires_grad_();
        trunk.call(a).For("cart").backward();
        a.grad!.to(ScalarType.Float64).Values().Should().Equal([ofFirst, ofSecond, 0], (x, y) => Math.Abs(x - y) < 1e-6);
    }

    [Fact]
    public void Binary_losses_at_extreme_logits_are_finite_and_train()
    {
        using var trunk = OfLogits();
        using var model = Model(trunk);
        model.to(ScalarType.Float32);
        foreach (var sign in new[] { -100f, 100f })
        {
            foreach (var label in new[] { 0f, 1f })
            {
                var a = full([2, 3], sign).requires_grad_();
                var loss = model.Losses(model.call(a), [("buy", full([2, 1], label))])["buy"];
                loss.backward();
                float.IsFinite(loss.item<float>()).Should().BeTrue();
                a.grad!.isfinite().all().item<bool>().Should().BeTrue();
                a.grad!.abs().max().item<float>().Should().Match(g => sign > 0 == (label == 1) || g > 0.1f, "a wrong answer is corrected");
            }
        }
    }

    [Fact]
    public void A_later_step_is_never_likelier_than_an_earlier_one()
    {
        using var trunk = OfLogits();
        trunk.to(ScalarType.Float32);
        foreach (var scale in new[] { 0.1, 3, 50, 1000 })
        {
            var z = trunk.call(randn(500, 3) * scale);
            (z.For("cart") <= z.For("click")).all().item<bool>().Should().BeTrue();
            (z.For("buy") <= z.For("cart")).all().item<bool>().Should().BeTrue();
        }
    }

    [Fact]
    public void Conditionals_are_the_towers_own_probabilities()
    {
        using var trunk = OfLogits();
        var a = randn([6, 3], ScalarType.Float64);
        TaskMap<Tensor> conditionals = [];
        LiveTensors.ShouldStayTheSame(() =>
        {
            using var inner = NewDisposeScope();
            trunk.Conditionals(a);
        });
        conditionals = trunk.Conditionals(a);
        conditionals.Tasks.Should().Equal(Names);
        for (var t = 0; t < 3; t++)
        {
            conditionals[Names[t]].Values().Should().Equal(Column(a, t).sigmoid().Values());
            conditionals[Names[t]].requires_grad.Should().BeFalse();
        }

        var product = conditionals.Values.Aggregate((x, y) => x * y);
        trunk.call(a).For("buy").sigmoid().Values().Should().Equal(product.Values(), (x, y) => Math.Abs(x - y) < 1e-12);
    }

    [Fact]
    public void A_loss_reaches_the_steps_up_to_its_own()
    {
        using var trunk = new ESMM(Names, Below(), Tower);
        string[] Reached(string task)
        {
            foreach (var p in trunk.parameters())
            {
                p.grad = null;
            }

            trunk.call(randn([5, 2], ScalarType.Float64)).For(task).sum().backward();
            return [.. trunk.Reached().Select(name => name[..name.LastIndexOf('.')])];
        }

        Reached("click").Should().BeEquivalentTo("inner.experts.0", "inner.experts.1", "inner.gates.click", "towers.click");
        Reached("buy").Should().BeEquivalentTo(
            "inner.experts.0", "inner.experts.1", "inner.gates.click", "inner.gates.cart", "inner.gates.buy", "towers.click", "towers.cart", "towers.buy");
        NamesOf(trunk, trunk.SharedParameters()).Should().BeEquivalentTo(
            "inner.experts.0.weight", "inner.experts.1.weight", "inner.gates.click.weight", "inner.gates.cart.weight", "towers.click.weight", "towers.cart.weight");
        NamesOf(trunk, trunk.TaskParameters("buy")).Should().BeEquivalentTo("inner.gates.buy.weight", "towers.buy.weight");
        trunk.TaskParameters("click").Should().BeEmpty();
        trunk.TaskParameters("cart").Should().BeEmpty();
    }

    [Fact]
    public void Only_what_a_task_needs_runs()
    {
        var ran = new List<string>();
        var names = new Queue<string>(Names);
        using var trunk = new ESMM(Names, new HardSharing(Linear(2, 2)), () => Reporting(names.Dequeue(), ran));
        var x = randn(3, 2);
        trunk.call(x).For("cart");
        ran.Should().BeEquivalentTo("click", "cart");
        ran.Clear();
        var z = trunk.call(x);
        z.For("buy");
        z.For("click");
        z.For("cart");
        ran.Should().BeEquivalentTo("click", "cart", "buy");
    }

    [Fact]
    public void What_the_inner_trunk_says_is_passed_on()
    {
        var soft = new SoftSharing(Names, Expert.Plain, new L2Distance(2), schedule: clock => 1 + clock.Steps + (10 * clock.Epochs));
        using var trunk = new ESMM(Names, soft, Tower);
        trunk.Set("inner.towers.cart.weight", 1, 2, 3, 4);
        var before = trunk.Penalty()!.item<double>();
        before.Should().BePositive();
        trunk.EndStep(0.1);
        trunk.EndEpoch();
        trunk.Penalty()!.item<double>().Should().BeApproximately(12 * before, 1e-9);

        using var mixing = new ESMM(Names, Below(), Tower);
        NamesOf(mixing, mixing.MixingParameters()).Should().BeEquivalentTo("inner.gates.click.weight", "inner.gates.cart.weight", "inner.gates.buy.weight");
        var mixture = mixing.Mixtures(randn([4, 2], ScalarType.Float64)).Should().ContainSingle().Subject;
        mixture.Rows.Should().Equal(Names);
        mixture.Columns.Should().Equal("experts.0", "experts.1");
        mixing.Penalty().Should().BeNull();
    }

    [Fact]
    public void Labels_may_be_missing_of_some_samples()
    {
        using var trunk = new ESMM(Names, Below(), Tower);
        using var model = Model(trunk);
        var x = randn([4, 2], ScalarType.Float64);
        var labels = Labels((1, 1, double.NaN), (0, 0, 0), (1, 1, 1), (1, 0, double.NaN));
        var some = model.Losses(model.call(x), labels);
        some["buy"].backward();
        var gradients = Gradients(model);

        var rows = tensor(new long[] { 1, 2 });
        var known = model.Losses(model.call(x.index_select(0, rows)), labels.Map((_, l) => l.index_select(0, rows)));
        known["buy"].item<double>().Should().BeApproximately(some["buy"].item<double>(), 1e-12);
        known["buy"].backward();
        Gradients(model).Should().Equal(gradients, (a, b) => Math.Abs(a - b) < 1e-12);
        some["click"].item<double>().Should().NotBeApproximately(known["click"].item<double>(), 1e-6, "clicks are known of all");

        var none = labels.Map((task, l) => task == "buy" ? full_like(l, double.NaN) : l);
        model.Losses(model.call(x), none).Tasks.Should().Equal("click", "cart");
    }

    [Fact]
    public void Learns_conversions_after_clicks_without_a_loss_on_them()
    {
        // P(click) and P(buy | click) differ by x; the model sees clicks, and purchases over all samples.
        string[] tasks = ["click", "buy"];
        var x = tensor(new[] { 0.0, 1 }).reshape(2, 1);
        TaskMap<Tensor> labels = [("click", tensor(new[] { 0.2, 0.6 }).reshape(2, 1)), ("buy", tensor(new[] { 0.2 * 0.9, 0.6 * 0.1 }).reshape(2, 1))];
        using var trunk = new ESMM(tasks, new HardSharing(Identity()), () => Linear(1, 1, dtype: ScalarType.Float64));
        using var model = new MultiTaskModel(trunk, tasks.Select(task => LearningTask.Binary(task, Identity())));
        using var optimizer = optim.Adam(model.parameters().ToList(), 0.1);
        for (var step = 0; step < 400; step++)
        {
            using var inner = NewDisposeScope();
            optimizer.zero_grad();
            model.Losses(model.call(x), labels).Values.Aggregate((a, b) => a + b).backward();
            optimizer.step();
        }

        trunk.Conditionals(x)["buy"].Values().Should().Equal([0.9, 0.1], (a, b) => Math.Abs(a - b) < 0.01);
    }

    [Fact]
    public void Images_and_sequences_may_be_below()
    {
        using var images = new ESMM(Names, new HardSharing(Expert.Convolution()), () => Linear(8, 1, dtype: ScalarType.Float64));
        images.call(randn([3, 1, 4, 4], ScalarType.Float64)).For("buy").shape.Should().Equal(3, 1);
        using var words = new ESMM(Names, new HardSharing(Embedding(10, 4)), () => Sequential(Flatten(), Linear(12, 1)));
        words.call(tensor(new long[] { 1, 2, 3, 4, 5, 1 }).reshape(2, 3)).For("buy").shape.Should().Equal(2, 1);
    }

    [Fact]
    public void State_keys_read_well()
    {
        using var trunk = new ESMM(["click", "buy"], new HardSharing(Linear(3, 2)), () => Sequential(Linear(2, 1)));
        trunk.state_dict().Keys.Should().Equal(
            "inner.encoder.weight", "inner.encoder.bias", "towers.click.0.weight", "towers.click.0.bias", "towers.buy.0.weight", "towers.buy.0.bias");
    }

    [Fact]
    public void Refuses_arguments_that_make_no_sense()
    {
        FluentActions.Invoking(() => new ESMM(Array.Empty<string>(), Below(), Tower)).Should().Throw<ArgumentException>().WithMessage("*at least one task. Found none.*");
        FluentActions.Invoking(() => new ESMM(["a", "a"], Below(), Tower)).Should().Throw<ArgumentException>().WithMessage("*distinct*");
        FluentActions.Invoking(() => new ESMM(["click", "refund"], Below(), Tower)).Should().Throw<ArgumentException>().WithMessage("MMoE*'click', 'cart', 'buy'*'refund'*");
        FluentActions.Invoking(() => new ESMM(Names, null!, Tower)).Should().Throw<ArgumentNullException>();
        FluentActions.Invoking(() => new ESMM(Names, Below(), null!)).Should().Throw<ArgumentNullException>();
        var one = Linear(2, 1);
        FluentActions.Invoking(() => new ESMM(Names, Below(), () => one)).Should().Throw<ArgumentException>().WithMessage("`tower`*new modules*twice*");
    }

    [Fact]
    public void Refuses_towers_that_do_not_give_one_logit()
    {
        using var wide = new ESMM(Names, new HardSharing(Linear(2, 2)), () => Linear(2, 3));
        wide.Invoking(t => t.call(randn(4, 2)).For("click")).Should().Throw<ArgumentException>().WithMessage("The tower of 'click'*[4, 1]*[4, 3]*");
        using var flat = new ESMM(Names, new HardSharing(Linear(2, 2)), () => Sequential(Linear(2, 1), Flatten(0)));
        flat.Invoking(t => t.call(randn(4, 2)).For("buy")).Should().Throw<ArgumentException>().WithMessage("The tower of*[4, 1]*[4]*");
        flat.Invoking(t => t.call(randn(4, 2)).For("refund")).Should().Throw<KeyNotFoundException>().WithMessage("*'refund'*");
    }

    /// <summary>A chain whose three towers each pick one number of the inputs as their logit.</summary>
    private static ESMM OfLogits()
    {
        var trunk = new ESMM(Names, new HardSharing(Identity()), () => Linear(3, 1, hasBias: false, dtype: ScalarType.Float64));
        trunk.Set("towers.click.weight", 1, 0, 0);
        trunk.Set("towers.cart.weight", 0, 1, 0);
        trunk.Set("towers.buy.weight", 0, 0, 1);
        return trunk;
    }

    private static MMoE Below() => new(Names, 2, Expert.Plain);

    private static Encoder Tower() => Linear(2, 1, hasBias: false, dtype: ScalarType.Float64);

    private static Encoder Reporting(string name, List<string> ran)
    {
        var tower = Linear(2, 1);
        tower.register_forward_hook((_, _, output) =>
        {
            ran.Add(name);
            return output;
        });
        return tower;
    }

    private static MultiTaskModel Model(Trunk trunk) => new(trunk, Names.Select(task => LearningTask.Binary(task, Identity())));

    private static TaskMap<Tensor> Labels(params (double Click, double Cart, double Buy)[] samples) =>
    [
        ("click", tensor(samples.Select(s => s.Click).ToArray()).unsqueeze(1)),
        ("cart", tensor(samples.Select(s => s.Cart).ToArray()).unsqueeze(1)),
        ("buy", tensor(samples.Select(s => s.Buy).ToArray()).unsqueeze(1)),
    ];

    private static double[] Gradients(nn.Module module)
    {
        double[] gradients = [.. module.parameters().SelectMany(p => p.grad!.Values())];
        foreach (var p in module.parameters())
        {
            p.grad = null;
        }

        return gradients;
    }

    private static IEnumerable<string> NamesOf(nn.Module module, IEnumerable<TorchSharp.Modules.Parameter> parameters) =>
        parameters.Select(p => module.named_parameters().Single(n => n.parameter.Handle == p.Handle).name);

    private static Tensor Column(Tensor a, int t) => a.narrow(1, t, 1);

    private static double Sigmoid(double a) => 1 / (1 + Math.Exp(-a));

    /// <summary>−log(1/(pq) − 1) = −log(expm1(log(1 + e⁻ᵃ) + log(1 + e⁻ᵇ))), with series where these round.</summary>
    private static double Logit(double a, double b)
    {
        var s = Softplus(-a) + Softplus(-b);
        return s < 1e-9 ? -Math.Log(Math.Exp(Math.Min(a, b) - a) + Math.Exp(Math.Min(a, b) - b)) + Math.Min(a, b)
            : s > 40 ? -s
            : -Math.Log(Math.Exp(s) - 1);

        static double Softplus(double x) => x > 40 ? x : Math.Log(1 + Math.Exp(x));
    }
}
