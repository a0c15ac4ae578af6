using FluentAssertions;
using MultiTask.Sharing;
using MultiTask.Tests.Contracts;
using MultiTask.Tests.Fixtures;
using TorchSharp;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace MultiTask.Tests.Sharing;

public sealed class SluiceTests : IDisposable
{
    private static readonly string[] Names = ["a", "b", "c"];
    private readonly DisposeScope scope = NewDisposeScope();

    public SluiceTests() => manual_seed(7);

    public void Dispose() => scope.Dispose();

    /// <summary>An embedding's rows are words, a transposed convolution's are inputs: both were taken for units.</summary>
    [Fact]
    public void Units_are_columns_of_an_embedding_and_the_second_dimension_of_a_transposed_convolution()
    {
        using var words = Embedding(3, 4, dtype: ScalarType.Float64);
        Subspaces.WeightOf(words, 4, 0).shape.Should().Equal(4, 3);
        using var deconvolution = Sequential(ConvTranspose2d(5, 4, 3), ReLU());
        Subspaces.WeightOf(deconvolution, 4, 0).shape.Should().Equal(4, 5, 3, 3);
        var weight = words.weight!.detach();
        var expected = weight.narrow(1, 0, 2).t().matmul(weight.narrow(1, 2, 2)).square().sum().item<double>();
        Subspaces.Overlap(Subspaces.WeightOf(words, 4, 0), 4).item<double>().Should().BeApproximately(expected, 1e-12);
    }

    [Fact]
    public void Subspaces_are_mixed_across_tasks_and_then_stages()
    {
        var weights = new Queue<double[]>([[2, 3], [1, 1], [5, 7], [1, 1]]);
        using var trunk = new Sluice(["a", "b"], () => [Numbers.Times(weights.Dequeue()), Numbers.Times(weights.Dequeue())], own: 1, last: 1);
        Numbers.Set(trunk.Named("alphas.0.a.weight"), tensor(new double[] { 1, 0, 0, 1, 0, 1, 10, 0 }, [2, 4]));
        Numbers.Set(trunk.Named("betas.a.weight"), tensor(new double[] { 0.5, 2 }));
        // after stage 0 the subspaces are 2, 3 | 5, 7; a goes on with (2 + 7, 3 + 50), which stage 1 leaves alone
        trunk.call(Numbers.Row(1, 1)).For("a").Values().Should().Equal(2.5 * 9, 2.5 * 53);
        trunk.call(Numbers.Row(1, 1)).For("b").Values().Should().Equal(5, 7);
    }

    [Fact]
    public void Mixing_starts_with_nine_tenths_of_its_own_subspace_and_of_the_last_stage()
    {
        using var trunk = new Sluice(Names, Numbers.Stages);
        var mixtures = trunk.Mixtures(zeros(1, 2));
        mixtures.Select(m => m.Name).Should().Equal("alphas.0", "alphas.1", "betas");
        mixtures[0].Columns.Should().Equal("a.1", "a.2", "b.1", "b.2", "c.1", "c.2");
        mixtures[0].Values[3, 3].Should().Be(0.9);
        mixtures[0].Values[3, 2].Should().BeApproximately(0.02, 1e-15);
        mixtures[2].Values[1, 0].Should().BeApproximately(0.1, 1e-15);
        mixtures[2].Values[1, 1].Should().Be(0.9);
    }

    [Fact]
    public void With_alpha_the_identity_and_beta_on_the_last_stage_it_is_single_tasks()
    {
        using var trunk = new Sluice(Names, Numbers.Stages, own: 1, last: 1);
        using var single = new SingleTask(Names, TrunkContract.Tower);
        Numbers.Copy(trunk.SharedParameters(), single.parameters());
        var x = randn([5, 2], ScalarType.Float64);
        Names.Should().AllSatisfy(task => trunk.call(x).For(task).Values().Should().Equal(single.call(x).For(task).Values(), (p, q) => Math.Abs(p - q) < 1e-14));
    }

    [Fact]
    public void The_penalty_is_the_squared_inner_products_of_units_across_subspaces()
    {
        using var trunk = new Sluice(["a"], () => [Linear(3, 4, dtype: ScalarType.Float64)], orthogonality: 0.5);
        var w = trunk.Named("towers.a.0.weight");
        Numbers.Set(w, tensor(new double[] { 1, 0, 0, 0, 1, 0, 2, 0, 3, 0, 4, 5 }, [4, 3]));
        // units (1,0,0), (0,1,0) against (2,0,3), (0,4,5): 2, 0, 0, 4
        trunk.Penalty()!.item<double>().Should().BeApproximately(0.5 * (4 + 16), 1e-12);
        trunk.Penalty()!.backward();
        w.grad![0, 0].item<double>().Should().BeApproximately(0.5 * 2 * 2 * 2, 1e-12, "∂/∂g₁ = 2 λ Σ ⟨g₁, g₂⟩ g₂");
    }

    [Fact]
    public void The_penalty_counts_all_tasks_and_stages_and_can_be_left_out()
    {
        using var trunk = new Sluice(Names, Numbers.Stages);
        var expected = Names.SelectMany(t => new[] { 0, 1 }.Select(l => trunk.Named($"towers.{t}.{l}.0.weight")))
            .Sum(w => w[..2].matmul(w[2..].t()).square().sum().item<double>());
        trunk.Penalty()!.item<double>().Should().BeApproximately(0.1 * expected, 1e-12);
        using var without = new Sluice(Names, Numbers.Stages, orthogonality: 0);
        without.Penalty().Should().BeNull();
    }

    [Fact]
    public void Training_on_the_penalty_makes_subspaces_orthogonal()
    {
        using var trunk = new Sluice(Names, Numbers.Stages, orthogonality: 1);
        using var optimizer = optim.SGD(trunk.parameters().ToList(), 0.1);
        var before = trunk.Penalty()!.item<double>();
        for (var step = 0; step < 500; step++)
        {
            optimizer.zero_grad();
            trunk.Penalty()!.backward();
            optimizer.step();
        }

        trunk.Penalty()!.item<double>().Should().BeLessThan(1e-3 * before);
    }

    [Fact]
    public void Recurrent_layers_of_sequences_are_mixed_and_held_apart_gate_by_gate()
    {
        using var trunk = new Sluice(["a", "b"], () => [new Recurrent(5, 4), new Recurrent(4, 4)], channelDimension: -1);
        trunk.call(randn(2, 6, 5)).For("a").shape.Should().Equal(2, 6, 4);
        var expected = new[] { "a", "b" }.SelectMany(t => new[] { 0, 1 }.Select(l => trunk.Named($"towers.{t}.{l}.lstm.weight_hh_l0")))
            .Sum(w => Enumerable.Range(0, 4).Sum(g => w[(4 * g)..((4 * g) + 2)].matmul(w[((4 * g) + 2)..((4 * g) + 4)].t()).square().sum().item<float>()));
        trunk.Penalty()!.item<float>().Should().BeApproximately(0.1f * expected, 1e-5f);
    }

    [Fact]
    public void Mixes_images()
    {
        using var trunk = new Sluice(["a", "b"], () => [Conv2d(1, 4, 3, padding: 1), Conv2d(4, 4, 3, padding: 1)]);
        trunk.call(randn(3, 1, 5, 5)).For("b").shape.Should().Equal(3, 4, 5, 5);
        trunk.Penalty()!.item<float>().Should().BePositive();
    }

    [Fact]
    public void Refuses_what_makes_no_sense()
    {
        FluentActions.Invoking(() => new Sluice(Names, Numbers.Stages, own: 2)).Should().Throw<ArgumentOutOfRangeException>().WithMessage("*`own`*2*");
        FluentActions.Invoking(() => new Sluice(Names, Numbers.Stages, last: double.NaN)).Should().Throw<ArgumentOutOfRangeException>().WithMessage("*`last`*NaN*");
        FluentActions.Invoking(() => new Sluice(Names, Numbers.Stages, orthogonality: -1)).Should().Throw<ArgumentOutOfRangeException>().WithMessage("*`orthogonality`*-1*");
        FluentActions.Invoking(() => new Sluice(Names, () => [Linear(2, 3)])).Should().Throw<ArgumentException>().WithMessage("*even number*[3]*");
        FluentActions.Invoking(() => new Sluice(Names, () => [Linear(2, 4), Linear(4, 6)])).Should().Throw<ArgumentException>().WithMessage("*same*[4, 6]*");
        FluentActions.Invoking(() => new Sluice(Names, () => [Linear(2, 4), Tanh()])).Should().Throw<ArgumentException>().WithMessage("Stage 1*no weight*`orthogonality: 0`*");
    }

    [Fact]
    public void Says_at_the_first_batch_which_shapes_differ()
    {
        using var trunk = new Sluice(["a", "b"], () => [Conv2d(1, 4, 3), Conv2d(4, 4, 3)]);
        trunk.Invoking(t => t.call(zeros(3, 1, 7, 7)).For("b")).Should().Throw<ArgumentException>().WithMessage("*same shape*[3, 4, 5, 5]*[3, 4, 3, 3]*");
    }

    private sealed class Recurrent : Module<Tensor, Tensor>
    {
        private readonly TorchSharp.Modules.LSTM lstm;

        public Recurrent(int from, int to)
            : base(nameof(Recurrent))
        {
            lstm = LSTM(from, to, batchFirst: true);
            RegisterComponents();
        }

        public override Tensor forward(Tensor input) => lstm.call(input).Item1;
    }
}
