using FluentAssertions;
using MultiTask.Sharing;
using MultiTask.Tests.Fixtures;
using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace MultiTask.Tests.Sharing;

public sealed class MMoETests : IDisposable
{
    private static readonly string[] Names = ["a", "b"];
    private readonly DisposeScope scope = NewDisposeScope();

    public MMoETests() => manual_seed(5);

    public void Dispose() => scope.Dispose();

    [Fact]
    public void A_task_reads_the_experts_weighted_by_its_gate()
    {
        using var trunk = new MMoE(Names, 2, Expert.Plain);
        trunk.Scale("experts.0.weight", 1);
        trunk.Scale("experts.1.weight", 10);
        trunk.Set("gates.a.weight", 0, 0, 1, 0); // softmax(0, x₀)
        trunk.Set("gates.b.weight", 0, 0, 0, 0);
        var z = trunk.call(tensor(new[] { Math.Log(3), 2.0, 0, 4 }).reshape(2, 2));
        double[] a = [(0.25 + 7.5) * Math.Log(3), (0.25 + 7.5) * 2, 0, 5.5 * 4];
        z.For("a").Values().Should().Equal(a, (x, y) => Math.Abs(x - y) < 1e-12);
        z.For("b").Values().Should().Equal([5.5 * Math.Log(3), 11, 0, 22], (x, y) => Math.Abs(x - y) < 1e-12);
        z.Shared.Should().BeNull();

        var mixture = trunk.Mixtures(tensor(new[] { Math.Log(3), 2.0, 0, 4 }).reshape(2, 2)).Should().ContainSingle().Subject;
        mixture.Name.Should().Be("gates");
        mixture.Rows.Should().Equal(Names);
        mixture.Columns.Should().Equal("experts.0", "experts.1");
        mixture.Values[0, 1].Should().BeApproximately((0.75 + 0.5) / 2, 1e-12);
        mixture.Values[1, 0].Should().BeApproximately(0.5, 1e-12);
    }

    [Fact]
    public void Gates_sum_to_1()
    {
        using var trunk = new MMoE(["a", "b", "c"], 5, Expert.Plain);
        foreach (var experts in trunk.Mixtures(randn(7, 2, ScalarType.Float64) * 10).Select(m => m.Values))
        {
            Enumerable.Range(0, 3).Select(row => Enumerable.Range(0, 5).Sum(i => experts[row, i])).Should().OnlyContain(s => Math.Abs(s - 1) < 1e-12);
        }
    }

    [Fact]
    public void With_one_expert_it_is_hard_sharing()
    {
        using var trunk = new MMoE(Names, 1, Expert.Plain);
        using var hard = new HardSharing(Expert.Plain());
        hard.CopyFrom(trunk);
        var x = randn(6, 2, ScalarType.Float64);
        var (mixed, plain) = (trunk.call(x), hard.call(x));
        mixed.For("a").Values().Should().Equal(plain.For("a").Values());
        mixed.For("b").Values().Should().Equal(plain.For("b").Values());
        mixed.For("a").square().sum().backward();
        plain.For("a").square().sum().backward();
        trunk.ByName()["experts.0.weight"].grad!.Values().Should().Equal(hard.parameters().Single().grad!.Values());
        trunk.Reached().Should().Equal(["experts.0.weight"], "there is nothing to choose");
    }

    [Fact]
    public void State_keys_have_no_extra_level()
    {
        using var trunk = new MMoE(Names, 2, () => Sequential(Linear(3, 4), Tanh()));
        trunk.state_dict().Keys.Should().Equal(
            "experts.0.0.weight", "experts.0.0.bias", "experts.1.0.weight", "experts.1.0.bias", "gates.a.weight", "gates.b.weight");
        trunk.MixingParameters().Should().HaveCount(2);
        trunk.ByName()["gates.a.weight"].shape.Should().Equal(2, 3);
        trunk.ByName()["gates.a.weight"].abs().max().item<float>().Should().BeInRange(0.01f, 1 / MathF.Sqrt(3));
    }

    [Fact]
    public void Convolutional_experts_are_given_a_gate()
    {
        using var trunk = new MMoE(Names, 3, Expert.Convolution, n => Sequential(Flatten(), Linear(16, n, dtype: ScalarType.Float64)));
        var x = randn([4, 1, 4, 4], ScalarType.Float64);
        trunk.call(x).For("b").shape.Should().Equal(4, 8);
        trunk.call(x).For("b").sum().backward();
        trunk.TaskParameters("b").Should().OnlyContain(p => p.HasGradient());
        trunk.TaskParameters("a").Should().OnlyContain(p => !p.HasGradient());
    }

    [Fact]
    public void Feature_maps_are_mixed_as_they_are()
    {
        using var trunk = new MMoE(["a"], 2, () => Conv2d(1, 3, 3), n => Sequential(Flatten(), Linear(16, n)));
        trunk.call(randn(5, 1, 4, 4)).For("a").shape.Should().Equal(5, 3, 2, 2);
    }

    [Fact]
    public void A_gate_may_weigh_each_place_of_a_sequence()
    {
        using var trunk = new MMoE(["a"], 2, () => Embedding(10, 4), n => Embedding(10, n));
        var tokens = tensor(new long[] { 1, 2, 3, 4, 5, 1 }).reshape(2, 3);
        var z = trunk.call(tokens).For("a");
        z.shape.Should().Equal(2, 3, 4);
        var weights = trunk.ByName()["gates.a.weight"].softmax(-1);
        var expected = (trunk.ByName()["experts.0.weight"][5] * weights[5, 0]) + (trunk.ByName()["experts.1.weight"][5] * weights[5, 1]);
        z[1, 1].Values().Should().Equal(expected.Values(), (x, y) => Math.Abs(x - y) < 1e-6);
        trunk.Mixtures(tokens)[0].Values.Cast<double>().Sum().Should().BeApproximately(1, 1e-6);
    }

    [Fact]
    public void Inputs_of_several_tensors_are_read_by_experts_and_gates()
    {
        using var trunk = new MMoE(Names, 2, () => Encoder.From(Bilinear(2, 3, 4)), n => Encoder.From(Bilinear(2, 3, n)));
        trunk.call([randn(5, 2), randn(5, 3)]).For("a").shape.Should().Equal(5, 4);
    }

    [Fact]
    public void A_gate_that_is_not_given_should_be_known_from_the_experts()
    {
        FluentActions.Invoking(() => new MMoE(Names, 2, Expert.Convolution)).Should().Throw<ArgumentException>().WithMessage("*begin with a Linear*Conv2d*gate: n =>*");
        FluentActions.Invoking(() => new MMoE(Names, 2, () => Encoder.From(Bilinear(2, 3, 4)))).Should().Throw<ArgumentException>().WithMessage("*one tensor*Bilinear*");
        FluentActions.Invoking(() => new MMoE(Names, 2, () => Tanh())).Should().Throw<ArgumentException>().WithMessage("*begin with a Linear*");
        using var trunk = new MMoE(Names, 2, () => Linear(3, 4));
        trunk.Invoking(t => t.call(randn(5, 2, 3)).For("a")).Should().Throw<ArgumentException>().WithMessage("*3 numbers a sample*[5, 2, 3]*`gate`*");
    }

    [Fact]
    public void Outputs_and_gates_that_do_not_fit_are_refused()
    {
        var widths = new Queue<int>([4, 5]);
        using var unlike = new MMoE(Names, 2, () => Linear(3, widths.Dequeue()));
        unlike.Invoking(t => t.call(randn(2, 3))).Should().Throw<ArgumentException>().WithMessage("*one shape*[2, 4]*[2, 5]*");
        using var narrow = new MMoE(Names, 2, () => Linear(3, 4), n => Linear(3, n + 1));
        narrow.Invoking(t => t.call(randn(2, 3)).For("a")).Should().Throw<ArgumentException>().WithMessage("*[2, 2]*[2, 3]*");
        using var places = new MMoE(Names, 2, () => Linear(3, 4), n => Sequential(Linear(3, 6 * n), Unflatten(1, [6, n])));
        places.Invoking(t => t.call(randn(2, 3)).For("a")).Should().Throw<ArgumentException>().WithMessage("*[2, 2]*[2, 4]*[2, 6, 2]*");
    }

    [Fact]
    public void Refuses_arguments_that_make_no_sense()
    {
        FluentActions.Invoking(() => new MMoE(Names, 0, Expert.Plain)).Should().Throw<ArgumentOutOfRangeException>().WithMessage("`experts` should be at least 1. Found 0.*");
        var one = Linear(3, 2);
        FluentActions.Invoking(() => new MMoE(Names, 2, () => one)).Should().Throw<ArgumentException>().WithMessage("`expert`*new modules*twice*");
        FluentActions.Invoking(() => new MMoE(Names, 1, () => Linear(3, 2), _ => one)).Should().Throw<ArgumentException>().WithMessage("`gate`*new modules*twice*");
        FluentActions.Invoking(() => new MMoE(Names, 2, () => null!)).Should().Throw<ArgumentException>().WithMessage("`expert`*null*");
        FluentActions.Invoking(() => new MMoE(Names, 2, null!)).Should().Throw<ArgumentNullException>();
        FluentActions.Invoking(() => new MMoE(["a", "a"], 2, Expert.Plain)).Should().Throw<ArgumentException>().WithMessage("*distinct*");
        using var twice = new MMoE(["a"], 1, () => Sequential(("first", one), ("act", Tanh()), ("second", one)), n => Linear(3, n));
        twice.SharedParameters().Should().HaveCount(2, "a module may stand twice in one expert");
    }
}
