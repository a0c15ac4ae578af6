using FluentAssertions;
using MultiTask.Sharing;
using MultiTask.Tests.Contracts;
using MultiTask.Tests.Fixtures;
using TorchSharp;
using static TorchSharp.torch;

namespace MultiTask.Tests.Sharing;

public sealed class LearnedCovarianceTests : IDisposable
{
    private readonly DisposeScope scope = NewDisposeScope();

    public void Dispose() => scope.Dispose();

    [Fact]
    public void Begins_as_a_ridge()
    {
        // Ω = I/T: (λ₁ + λ₂ T)/2 ‖W‖².
        var layer = Layers.Draw(3, [2, 2]);
        using var penalty = Begun(layer, new LearnedCovariance(0.5, ridge: 0.2));
        penalty.Value(layer).Should().BeApproximately((0.2 + 1.5) / 2 * layer.Stacked().square().sum().item<double>(), 1e-12);
        penalty.Covariance["a"]["a"].Should().BeApproximately(1.0 / 3, 1e-15);
        penalty.Correlations["a"]["b"].Should().Be(0);
    }

    [Fact]
    public void At_the_best_covariance_it_is_the_square_of_the_trace_norm()
    {
        var layer = Layers.Draw(3, [4, 2]);
        using var penalty = Begun(layer, new LearnedCovariance(0.5, epsilon: 1e-14));
        penalty.Update([layer]);
        var norm = linalg.svdvals(layer.Stacked().reshape(3, -1)).sum().item<double>();
        penalty.Value(layer).Should().BeApproximately(0.25 * norm * norm, 1e-9);
        penalty.Covariance.Sum(row => row.Value[row.Task]).Should().BeApproximately(1, 1e-12, "its trace is 1");

        // Its square is in proportion to WᵀW.
        var omega = tensor(penalty.Covariance.SelectMany(row => row.Value.Values).ToArray()).reshape(3, 3);
        var rows = layer.Stacked().detach().reshape(3, -1);
        var (squared, products) = (omega.matmul(omega), rows.matmul(rows.t()));
        (squared / squared.trace()).Values().Should().Equal((products / products.trace()).Values(), (x, y) => Math.Abs(x - y) < 1e-10);
    }

    [Fact]
    public void Alternating_finds_what_the_square_of_the_trace_norm_finds()
    {
        var tasks = new LinearTasks(3, samples: 6, seed: 9);
        var weights = tasks.Train(new LearnedCovariance(0.3, epsilon: 1e-12), steps: 600, rate: 0.02, proximal: true, epoch: 5);
        linalg.svdvals(weights).Values().Should().OnlyContain(v => v > 0.1, "there the trace norm is smooth");

        // Stationary: the gradient of the squared trace norm, λ₂ ‖W‖_* U Vᵀ, balances that of the loss.
        var leaf = weights.clone().requires_grad_();
        using var norm = new TraceNorm(1);
        var value = norm.Of(new SharedLayer("w", TaskMap.Create(tasks.Names.Zip(leaf.unbind(0)))));
        (value.square() * 0.15).backward();
        using var trunk = tasks.Trunk(new L2Distance(0));
        using (no_grad())
        {
            foreach (var (parameter, row) in tasks.Weights(trunk).Zip(weights.unbind(0)))
            {
                parameter.copy_(row.unsqueeze(0));
            }
        }

        tasks.Loss(trunk).backward();
        var slope = stack(tasks.Weights(trunk).Select(p => p.grad!.flatten())) + leaf.grad!;
        slope.abs().max().item<double>().Should().BeLessThan(1e-5 * leaf.grad!.abs().max().item<double>());
    }

    [Fact]
    public void Correlations_tell_alike_opposite_and_unrelated_tasks()
    {
        var layer = Layers.Of([1, 2, 0, 0], [2, 4, 0, 0], [-1, -2, 0, 0], [0, 0, 0, 3]);
        using var penalty = Begun(layer, new LearnedCovariance(1, epsilon: 1e-8));
        penalty.Update([layer]);
        var r = penalty.Correlations;
        r["a"]["a"].Should().Be(1);
        r["a"]["b"].Should().BeGreaterThan(0.99);
        r["a"]["c"].Should().BeLessThan(-0.99);
        r["c"]["a"].Should().BeApproximately(r["a"]["c"], 1e-14);
        r["a"]["d"].Should().BeApproximately(0, 1e-6);

        // Now a and b are pulled together, a and c apart; d is alone.
        var moved = penalty.Moved(Layers.Of([1, 0, 0, 0], [0, 1, 0, 0], [0, 0, 1, 0], [0, 0, 0, 1]), step: 0.1).Stacked();
        var products = moved.matmul(moved.t());
        products[0, 1].item<double>().Should().BePositive();
        products[0, 2].item<double>().Should().BeNegative();
        products[0, 3].item<double>().Should().BeApproximately(0, 1e-6);
    }

    [Fact]
    public void Layers_count_by_their_weights()
    {
        var (one, other) = (Layers.Of([1.0, 0], [1.0, 0]), Layers.Of([1.0], [-1.0]) with { Name = "bias" });
        using var penalty = Begun(one, new LearnedCovariance(1, epsilon: 1e-8));
        penalty.Update([one, other]);
        penalty.Correlations["a"]["b"].Should().BeApproximately(0, 1e-3);
        penalty.Update([one with { Weight = 4 }, other]);
        penalty.Correlations["a"]["b"].Should().BeApproximately((2.0 - 1) / (2 + 1), 1e-3, "roots of eigenvalues 8 and 2");
    }

    [Fact]
    public void Its_clock_is_the_epoch_or_a_number_of_steps()
    {
        var tasks = new LinearTasks(2, samples: 3, seed: 1);
        var (byEpoch, bySteps) = (new LearnedCovariance(1), new LearnedCovariance(1, everySteps: 3));
        using var one = tasks.Trunk(byEpoch);
        using var two = tasks.Trunk(bySteps);
        for (var step = 1; step <= 3; step++)
        {
            bySteps.Correlations["a"]["b"].Should().Be(0);
            one.EndStep(0.1);
            two.EndStep(0.1);
        }

        bySteps.Correlations["a"]["b"].Should().BeGreaterThan(0.9, "towers start alike");
        byEpoch.Correlations["a"]["b"].Should().Be(0);
        one.EndEpoch();
        byEpoch.Correlations["a"]["b"].Should().BeGreaterThan(0.9);
    }

    [Fact]
    public void Parameters_that_are_all_0_or_not_finite_leave_the_covariance_as_it_is()
    {
        var layer = Layers.Of([0.0, 0], [0.0, 0]);
        using var penalty = Begun(layer, new LearnedCovariance(1));
        penalty.Update([layer]);
        penalty.Update([Layers.Of([double.NaN, 0], [1.0, 0])]);
        penalty.Covariance["a"]["a"].Should().Be(0.5);
    }

    [Fact]
    public void Its_state_is_found_by_the_tasks_names_whatever_their_order()
    {
        var layer = Layers.Of([1, 2, 0], [2, 3, 1], [-1, 0, 4]);
        using var penalty = Begun(layer, new LearnedCovariance(1));
        penalty.Update([layer]);
        var turned = layer with { Parameters = TaskMap.Create(layer.Parameters.Reverse()) };
        using var other = Begun(turned, new LearnedCovariance(1));
        other.load_state_dict(penalty.state_dict());
        other.Covariance["a"]["c"].Should().Be(penalty.Covariance["a"]["c"]);
        other.Value(turned).Should().BeApproximately(penalty.Value(layer), 1e-9);
        penalty.state_dict().Keys.Should().Contain("covariance.a.c").And.Contain("clock.steps");
    }

    [Fact]
    public void Belongs_to_one_trunk()
    {
        var penalty = new LearnedCovariance(1);
        penalty.Invoking(p => p.Covariance).Should().Throw<InvalidOperationException>().WithMessage("*trunk first*");
        penalty.Invoking(p => p.Of(Layers.Draw(2, [2]))).Should().Throw<InvalidOperationException>();
        using var trunk = new SoftSharing(["a", "b"], TrunkContract.Tower, penalty);
        FluentActions.Invoking(() => new SoftSharing(["a", "b"], TrunkContract.Tower, penalty)).Should().Throw<InvalidOperationException>().WithMessage("*one trunk*");
        FluentActions.Invoking(() => new SoftSharing(["a", "b"], TrunkContract.Tower, new LearnedCovariance(1), _ => 0)).Should().Throw<ArgumentException>().WithMessage("*layer to learn from*");
        penalty.Invoking(p => p.Of(Layers.Draw(3, [2]))).Should().Throw<ArgumentException>().WithMessage("*a, b*a, b, c*");
    }

    [Fact]
    public void Refuses_bad_clocks_and_epsilons()
    {
        FluentActions.Invoking(() => new LearnedCovariance(1, everySteps: 0)).Should().Throw<ArgumentOutOfRangeException>().WithMessage("*`everySteps`*at least 1*0*");
        FluentActions.Invoking(() => new LearnedCovariance(1, epsilon: 0)).Should().Throw<ArgumentOutOfRangeException>().WithMessage("*`epsilon`*positive*0*");
    }

    private static LearnedCovariance Begun(SharedLayer layer, LearnedCovariance penalty)
    {
        penalty.Begin([layer]);
        return penalty;
    }
}
