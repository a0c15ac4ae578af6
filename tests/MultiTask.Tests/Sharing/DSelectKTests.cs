using FluentAssertions;
using MultiTask.Sharing;
using MultiTask.Tests.Fixtures;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace MultiTask.Tests.Sharing;

public sealed class DSelectKTests : IDisposable
{
    private static readonly string[] Names = ["a", "b"];
    private readonly DisposeScope scope = NewDisposeScope();

    public DSelectKTests() => manual_seed(5);

    public void Dispose() => scope.Dispose();

    [Theory]
    [InlineData(1)]
    [InlineData(0.5)]
    [InlineData(4)]
    public void The_smooth_step_is_the_papers_cubic(double gamma)
    {
        var t = tensor(new[] { -5.0, -0.5, -0.3, -0.1, 0, 0.2, 0.4, 0.5, 7 }) * gamma;
        double[] expected = [.. t.Values().Select(x => x <= -gamma / 2 ? 0 : x >= gamma / 2 ? 1 : (-2 * Math.Pow(x / gamma, 3)) + (1.5 * x / gamma) + 0.5)];
        SelectorGate.SmoothStep(t, gamma).Values().Should().Equal(expected, (x, y) => Math.Abs(x - y) < 1e-15);
    }

    [Fact]
    public void Two_selectors_pick_by_binary_codes_and_share_by_their_weights()
    {
        using var trunk = new DSelectK(Names, 4, 2, Expert.Plain);
        for (var i = 0; i < 4; i++)
        {
            trunk.Scale($"experts.{i}.weight", Math.Pow(10, i));
        }

        // Selector 0: digits 1, 0 → expert 1. Selector 1: second digit on, first ½ → experts 2 and 3. Weights ¾, ¼.
        trunk.Set("gates.a.codes", 1, -1, 0, 1);
        trunk.Set("gates.a.weights", Math.Log(3), 0);
        trunk.Set("gates.b.codes", -1, -1, -1, -1);
        var x = tensor(new[] { 0.0, 1, 0, 2 }).reshape(2, 2);
        trunk.call(x).For("a").Values().Should().Equal([0, 7.5 + 137.5, 0, 2 * (7.5 + 137.5)], (p, q) => Math.Abs(p - q) < 1e-10);
        trunk.call(x).For("b").Values().Should().Equal(0, 1, 0, 2);
        trunk.Mixtures(x).Single().Values.Cast<double>().Should().Equal([0, 0.75, 0.125, 0.125, 1, 0, 0, 0], (p, q) => Math.Abs(p - q) < 1e-12);
    }

    [Fact]
    public void A_gate_for_each_sample_reads_the_inputs()
    {
        using var trunk = new DSelectK(["a"], 2, 1, Expert.Plain, perSample: true);
        trunk.Scale("experts.0.weight", 1);
        trunk.Scale("experts.1.weight", 10);
        trunk.Set("gates.a.logits.weight", 1, 0, 0, 0); // code = x₀, one selector
        var x = tensor(new[] { -2.0, 1, 2, 1, 0, 1 }).reshape(3, 2);
        var z = trunk.call(x).For("a");
        z.index_select(1, tensor(1L)).Values().Should().Equal([1, 10, 5.5], (p, q) => Math.Abs(p - q) < 1e-12);
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void Weights_sum_to_1_where_each_code_is_an_experts(bool perSample)
    {
        using var trunk = new DSelectK(Names, 8, 3, Expert.Plain, perSample);
        var values = trunk.Mixtures(randn(5, 2, ScalarType.Float64)).Single().Values;
        Enumerable.Range(0, 2).Select(row => Enumerable.Range(0, 8).Sum(i => values[row, i])).Should().OnlyContain(s => Math.Abs(s - 1) < 1e-12);
    }

    [Fact]
    public void The_penalty_is_the_entropy_of_the_selectors()
    {
        using var trunk = new DSelectK(["a"], 4, 2, Expert.Plain, entropy: 0.1);
        trunk.Set("gates.a.codes", 0, 0, 1, 0); // uniform over four, and over two
        trunk.Penalty()!.item<double>().Should().BeApproximately(0.1 * (Math.Log(4) + Math.Log(2)), 1e-12);
        trunk.Set("gates.a.codes", 1, -1, 1, 1);
        trunk.Penalty()!.item<double>().Should().Be(0, "both have decided");
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void The_penalty_makes_gates_decide_and_leaves_the_rest_alone(bool perSample)
    {
        using var trunk = new DSelectK(Names, 4, 1, Expert.Plain, perSample, entropy: 1);
        var x = randn(6, 2, ScalarType.Float64);
        using var optimizer = optim.SGD(trunk.parameters().ToList(), 0.05);
        double Undecided()
        {
            trunk.call(x).For("a");
            return trunk.Penalty()!.item<double>();
        }

        var before = Undecided();
        for (var step = 0; step < 60; step++)
        {
            trunk.call(x).For("a");
            optimizer.zero_grad();
            trunk.Penalty()!.backward();
            trunk.Reached().Where(name => !name.StartsWith("gates.", StringComparison.Ordinal)).Should().BeEmpty();
            optimizer.step();
        }

        Undecided().Should().BeLessThan(0.5 * before);
    }

    [Fact]
    public void Codes_of_no_expert_are_kept_from()
    {
        using var trunk = new DSelectK(["a"], 3, 1, Expert.Plain, entropy: 0);
        trunk.Set("gates.a.codes", 0, 0); // ¼ of the weight is at the fourth code
        trunk.Penalty()!.item<double>().Should().BeApproximately((4.0 / 3) - 1, 1e-12);
        trunk.Set("gates.a.codes", 0.4, 0.4);
        trunk.Penalty()!.backward();
        trunk.ByName()["gates.a.codes"].grad!.Values().Should().OnlyContain(g => g > 0, "descent leads away from code 11");
        trunk.Set("gates.a.codes", 2, 2);
        trunk.ByName()["gates.a.codes"].grad = null;
        trunk.Penalty()!.backward();
        trunk.Penalty()!.item<double>().Should().BeLessThan(1e7, "finite even there");
        trunk.ByName()["gates.a.codes"].grad!.Values().Should().OnlyContain(g => double.IsFinite(g));
        trunk.Set("gates.a.codes", 2, -2);
        trunk.Penalty()!.item<double>().Should().Be(0);
        using var all = new DSelectK(["a"], 4, 1, Expert.Plain, entropy: 0);
        all.Penalty().Should().BeNull("each code is an expert's");
    }

    [Fact]
    public void Without_a_training_pass_gates_that_read_inputs_have_no_penalty()
    {
        using var trunk = new DSelectK(Names, 4, 2, Expert.Plain, perSample: true);
        trunk.Penalty().Should().BeNull();
        using (no_grad())
        {
            trunk.call(randn(3, 2, ScalarType.Float64)).For("a");
        }

        trunk.Penalty().Should().BeNull();
        using (NewDisposeScope())
        {
            trunk.call(randn(3, 2, ScalarType.Float64)).For("a");
            trunk.Penalty().Should().NotBeNull();
        }

        trunk.Invoking(t => t.Penalty()).Should().Throw<InvalidOperationException>().WithMessage("*last training pass*disposed*");
    }

    [Fact]
    public void The_penalty_of_gates_that_read_inputs_is_a_part_of_the_graph_of_the_pass()
    {
        using var trunk = new DSelectK(Names, 4, 2, Expert.Plain, perSample: true, entropy: 1);
        var adapter = Linear(3, 2, dtype: ScalarType.Float64);
        var output = trunk.call(adapter.call(randn(5, 3, ScalarType.Float64))).For("a").sum();
        trunk.Penalty()!.backward(retain_graph: true);
        adapter.weight.grad.Should().NotBeNull();
        output.backward();
    }

    /// <summary>Only the last of several passes was charged, and batch normalisation in a gate counted it twice.</summary>
    [Fact]
    public void Several_passes_before_the_penalty_are_charged_alike()
    {
        using var trunk = new DSelectK(Names, 4, 2, Expert.Plain, perSample: true, entropy: 1);
        var (first, second) = (randn(5, 2, ScalarType.Float64), randn(3, 2, ScalarType.Float64) * 3);
        double PenaltyOf(params Tensor[] inputs)
        {
            foreach (var x in inputs)
            {
                trunk.call(x).For("a");
            }

            trunk.Penalty()!.item<double>().Should().Be(trunk.Penalty()!.item<double>(), "asking again changes nothing");
            return trunk.Penalty()!.item<double>();
        }

        PenaltyOf(first, second).Should().BeApproximately((PenaltyOf(first) + PenaltyOf(second)) / 2, 1e-12);
    }

    [Fact]
    public void At_evaluation_experts_that_nobody_selects_do_not_run()
    {
        var ran = new List<int>();
        var made = 0;
        using var trunk = new DSelectK(Names, 4, 1, () =>
        {
            var number = made++;
            var expert = Linear(2, 2, hasBias: false, dtype: ScalarType.Float64);
            expert.register_forward_hook((_, _, output) =>
            {
                ran.Add(number);
                return output;
            });
            return expert;
        });
        trunk.Set("gates.a.codes", 1, -1);
        trunk.Set("gates.b.codes", 1, 1);
        var x = randn(3, 2, ScalarType.Float64);
        var expected = Names.Select(task => trunk.call(x).For(task).Values()).ToArray();
        ran.Distinct().Should().HaveCount(4);
        ran.Clear();
        trunk.eval();
        var z = trunk.call(x);
        Names.Select(task => z.For(task).Values()).Should().BeEquivalentTo(expected);
        ran.Should().Equal(1, 3);
    }

    [Fact]
    public void Starts_as_in_the_authors_code()
    {
        using var trunk = new DSelectK(["a"], 5, 4, Expert.Plain, perSample: true, gamma: 2);
        var weight = trunk.ByName()["gates.a.logits.weight"];
        weight.shape.Should().Equal(4 * (3 + 1), 2);
        weight.narrow(0, 0, 12).abs().max().item<double>().Should().BeInRange(0.01, 0.02);
        weight.narrow(0, 12, 4).abs().max().item<double>().Should().BeInRange(0.02, 0.05);
        using var fixedGates = new DSelectK(["a"], 5, 4, Expert.Plain);
        fixedGates.ByName()["gates.a.codes"].shape.Should().Equal(4, 3);
        fixedGates.ByName()["gates.a.codes"].abs().max().item<double>().Should().BeInRange(0.003, 0.01);
        fixedGates.ByName()["gates.a.weights"].abs().max().item<double>().Should().BeInRange(0.005, 0.05);
    }

    [Fact]
    public void Convolutional_experts_may_have_gates_for_each_sample()
    {
        using var trunk = new DSelectK(Names, 4, 2, Expert.Convolution, gate: m => Sequential(Flatten(), Linear(16, m, dtype: ScalarType.Float64)));
        trunk.call(randn([3, 1, 4, 4], ScalarType.Float64)).For("a").shape.Should().Equal(3, 8);
        trunk.Penalty()!.item<double>().Should().BePositive();
    }

    [Fact]
    public void Refuses_arguments_that_make_no_sense()
    {
        FluentActions.Invoking(() => new DSelectK(Names, 1, 1, Expert.Plain)).Should().Throw<ArgumentOutOfRangeException>().WithMessage("`experts` should be at least 2*Found 1.*");
        FluentActions.Invoking(() => new DSelectK(Names, 4, 0, Expert.Plain)).Should().Throw<ArgumentOutOfRangeException>().WithMessage("`k` should be in 1…4*Found 0.*");
        FluentActions.Invoking(() => new DSelectK(Names, 4, 5, Expert.Plain)).Should().Throw<ArgumentOutOfRangeException>().WithMessage("`k`*Found 5.*");
        FluentActions.Invoking(() => new DSelectK(Names, 4, 2, Expert.Plain, entropy: -1)).Should().Throw<ArgumentOutOfRangeException>().WithMessage("`entropy` should be non-negative*Found -1.*");
        FluentActions.Invoking(() => new DSelectK(Names, 4, 2, Expert.Plain, gamma: 0)).Should().Throw<ArgumentOutOfRangeException>().WithMessage("`gamma` should be positive*Found 0.*");
        FluentActions.Invoking(() => new DSelectK(Names, 4, 2, Expert.Convolution, perSample: true)).Should().Throw<ArgumentException>().WithMessage("*Conv2d*");
    }
}
