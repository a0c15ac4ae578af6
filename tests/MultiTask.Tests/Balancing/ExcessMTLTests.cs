using FluentAssertions;
using MultiTask.Balancing;
using MultiTask.Tests.Fixtures;
using static TorchSharp.torch;

namespace MultiTask.Tests.Balancing;

public sealed class ExcessMTLTests : IDisposable
{
    private readonly TorchSharp.DisposeScope scope = NewDisposeScope();

    public void Dispose() => scope.Dispose();

    [Fact]
    public void The_first_step_goes_along_the_mean()
    {
        using var method = new ExcessMTL(["0", "1"], step: 5);
        Same(method.Aggregate(Jacobians.Of(Jacobians.A)).Values(), [1, 1, 1]);
        Same(method.LastWeights!.Values, [0.5, 0.5]);
    }

    [Fact]
    public void The_second_step_by_hand()
    {
        // Ê = ½ Σ g²/√Σg². Task 0: first ½ (3 + 4) = 3.5, then ½ (9/√18 + 64/√80). Task 1: first ½, then ½ · 9/√10.
        using var method = new ExcessMTL(["0", "1"], step: 0.3);
        method.Aggregate(Jacobians.Of([3, -4], [1, 0]));
        var d = method.Aggregate(Jacobians.Of([3, 8], [-3, 0])).Values();
        var (a, b) = (0.5 * ((9 / Math.Sqrt(18)) + (64 / Math.Sqrt(80))) / 3.5, 9 / Math.Sqrt(10));
        var first = 1 / (1 + Math.Exp(0.3 * (b - a)));
        Same(method.LastWeights!.Values, [first, 1 - first]);
        Same(d, [(3 * first) - (3 * (1 - first)), 8 * first]);
    }

    [Fact]
    public void Tasks_that_are_equal_stay_equal()
    {
        using var method = new ExcessMTL(["0", "1", "2"], step: 1);
        var random = new Random(1);
        for (var step = 0; step < 20; step++)
        {
            var g = Gramians.Normal(random, 1, 5)[0];
            method.Aggregate(Jacobians.Of(g, g, g));
            Same(method.LastWeights!.Values, [1 / 3.0, 1 / 3.0, 1 / 3.0]);
        }
    }

    [Fact]
    public void The_scale_of_a_tasks_gradients_does_not_matter()
    {
        foreach (var c in new[] { 1e-25, 1e-3, 1e20 })
        {
            using var plain = new ExcessMTL(["0", "1"], step: 0.5);
            using var scaled = new ExcessMTL(["0", "1"], step: 0.5);
            var random = new Random(2);
            for (var step = 0; step < 10; step++)
            {
                var rows = Gramians.Normal(random, 2, 6);
                plain.Aggregate(Jacobians.Of(rows));
                scaled.Aggregate(Jacobians.Of(rows[0], Array.ConvertAll(rows[1], v => v * c)));
                Same(scaled.LastWeights!.Values, [.. plain.LastWeights!.Values], 1e-9);
            }
        }
    }

    [Fact]
    public void A_task_that_has_converged_loses_weight_to_one_that_has_not()
    {
        using var method = new ExcessMTL(["0", "1"], step: 0.1);
        for (var step = 0; step < 50; step++)
        {
            method.Aggregate(Jacobians.Of([Math.Pow(0.5, step), 0], [0, 1]));
        }

        method.LastWeights!["1"].Should().BeGreaterThan(0.65);
    }

    /// <remarks>
    /// Gradients that are noise do not shrink, but the sum of their squares grows, so that Ê falls like 1/√t. A weight by the
    /// loss would grow like exp(t).
    /// </remarks>
    [Fact]
    public void The_weight_of_noise_grows_with_the_root_of_the_steps_only()
    {
        using var method = new ExcessMTL(["noisy", "converged"], step: 0.1);
        using var generator = new Generator(3);
        var logOdds = new List<double>();
        for (var step = 0; step < 400; step++)
        {
            using var inner = NewDisposeScope();
            var noise = randn([1, 50], ScalarType.Float64, generator: generator) * 50;
            method.Aggregate(new Jacobian(cat([noise, full([1, 50], step == 0 ? 1.0 : 0, ScalarType.Float64)]), [("noisy", 100.0), ("converged", 1.0)]));
            logOdds.Add(Math.Log(method.LastWeights!["noisy"] / method.LastWeights["converged"]));
        }

        // Σ 1/√t up to 400 and up to 100; 4 would be a growth with the steps.
        (logOdds[399] / logOdds[99]).Should().BeInRange(1.9, 2.4);
    }

    [Fact]
    public void In_the_warm_up_weights_stay_and_the_mean_estimate_is_the_baseline()
    {
        using var method = new ExcessMTL(["0", "1"], step: 1, warmUp: 3);
        for (var step = 0; step < 3; step++)
        {
            method.Aggregate(Jacobians.Of([1 + step, 0], [1, 1]));
            Same(method.LastWeights!.Values, [0.5, 0.5]);
        }

        method.Aggregate(Jacobians.Of([0, 0], [1, 1]));
        // Ê₀ = 0 now. Task 1: ½ · 2/√k in step k, over the mean of the first three.
        var relative = 0.5 / ((1 + (1 / Math.Sqrt(2)) + (1 / Math.Sqrt(3))) / 3);
        var first = 1 / (1 + Math.Exp(relative));
        Same(method.LastWeights!.Values, [first, 1 - first]);
    }

    [Fact]
    public void Absent_tasks_keep_their_weight_and_zero_gradients_do_no_harm()
    {
        using var method = new ExcessMTL(["0", "1", "2"], step: 1);
        method.Aggregate(Jacobians.Of([1, 0], [1, 0], [1, 1]));
        method.Aggregate(Jacobians.Of([3, 0], [1, 0], [5, 5]));
        var before = method.LastWeights!;
        method.Aggregate(Jacobians.Of([0, 0], [0, 0])); // only 0 and 1; Ê = 0 for both
        Same(method.LastWeights!.Values, [before["0"] / (before["0"] + before["1"]), before["1"] / (before["0"] + before["1"])]);
        method.Aggregate(Jacobians.Of([0, 0], [0, 0], [0, 0])).Values().Should().Equal(0, 0);
        Same(method.LastWeights!.Values, [.. before.Values], 1e-12);
    }

    [Fact]
    public void Weights_stay_numbers_however_long_the_steps()
    {
        foreach (var sample in Gramians.Draw(200, seed: 33, most: 8))
        {
            using var inner = NewDisposeScope();
            var jacobian = Jacobians.Of(sample.Rows);
            using var method = new ExcessMTL(jacobian.Tasks, step: 1e3);
            for (var step = 0; step < 3; step++)
            {
                method.Aggregate(new(jacobian.Matrix * Math.Pow(100, step), jacobian.Losses)).Values().All(double.IsFinite).Should().BeTrue("{0}", sample);
                method.LastWeights!.Values.Sum().Should().BeApproximately(1, 1e-12, "{0}", sample);
            }
        }
    }

    [Fact]
    public void Reset_forgets()
    {
        using var method = new ExcessMTL(["0", "1"], step: 1);
        method.Aggregate(Jacobians.Of([1, 0], [1, 0]));
        method.Aggregate(Jacobians.Of([9, 0], [1, 0]));
        method.Reset();
        Same(method.Aggregate(Jacobians.Of([9, 0], [1, 0])).Values(), [5, 0]);
    }

    [Fact]
    public void Bad_arguments_are_refused()
    {
        FluentActions.Invoking(() => new ExcessMTL(["a"], 0)).Should().Throw<ArgumentOutOfRangeException>().WithMessage("*`step`*positive*0*");
        FluentActions.Invoking(() => new ExcessMTL(["a"], warmUp: 0)).Should().Throw<ArgumentOutOfRangeException>().WithMessage("*`warmUp`*at least 1*0*");
        using var method = new ExcessMTL(["0"]);
        method.Invoking(m => m.Aggregate(Jacobians.Of(Jacobians.A))).Should().Throw<ArgumentException>().WithMessage("*ExcessMTL*'1'*");
    }

    private static void Same(IEnumerable<double> found, double[] expected, double tolerance = 1e-12) =>
        found.Should().Equal(expected, (a, b) => Math.Abs(a - b) <= tolerance);
}
