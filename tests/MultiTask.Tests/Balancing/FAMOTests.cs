using FluentAssertions;
using MultiTask.Balancing;
using MultiTask.Tests.Fixtures;
using TorchSharp;
using static TorchSharp.torch;

namespace MultiTask.Tests.Balancing;

public sealed class FAMOTests
{
    private static readonly string[] Tasks = ["a", "b", "c"];

    [Fact]
    public void At_the_start_weights_are_inverse_losses_with_the_sum_1()
    {
        using var famo = new FAMO(Tasks);
        double[] d = [2 + 1e-8, 0.5 + 1e-8, 40 + 1e-8];
        Same(famo.Slopes(Scalars.Of(("a", 2), ("b", 0.5), ("c", 40))), [.. d.Select(v => 1 / v / d.Sum(u => 1 / u))]);
        famo.LastWeights!.Values.Sum().Should().BeApproximately(1, 1e-14);
    }

    [Theory]
    [InlineData(0.0, false)]
    [InlineData(0.01, false)]
    [InlineData(0.0, true)]
    [InlineData(0.01, true)]
    public void Follows_the_paper_s_algorithm_with_torch_s_Adam(double gamma, bool amortized)
    {
        using var scope = NewDisposeScope();
        using var famo = new FAMO(Tasks, [("a", -1), ("b", 0.2), ("c", 0)], learningRate: 0.1, gamma: gamma, amortized: amortized);
        var w = nn.Parameter(zeros(3, ScalarType.Float64));
        using var adam = optim.Adam([w], 0.1, weight_decay: gamma);
        var random = new Random(1);
        var losses = Drawn(random);
        for (var step = 0; step < 30; step++)
        {
            var d = Distances(losses);
            var z = w.softmax(0).detach();
            Same(famo.Slopes(Map(losses)), (z / d / (z / d).sum()).data<double>().ToArray());
            var after = Drawn(random);
            famo.EndStep(() => amortized ? throw new InvalidOperationException("not needed") : Map(after).Map((_, t) => t.detach()));
            adam.zero_grad();
            w.softmax(0).backward([d.log() - Distances(after).log()]);
            adam.step();
            losses = amortized ? after : Drawn(random); // amortized, these are the next step's
        }
    }

    [Fact]
    public void With_FAMO_losses_fall_at_the_same_rate()
    {
        // ½·10x² and ½·0.1y², from equal losses: with equal weights the first falls a hundred times as fast.
        using var famo = new FAMO(["a", "b"], learningRate: 0.2, gamma: 0);
        var (x, y) = (1.0, 10.0);
        (double A, double B) Losses() => (5 * x * x, 0.05 * y * y);
        double Rates(Func<TaskMap<double>, double[]> weigh)
        {
            var before = Losses();
            var weights = weigh([("a", before.A), ("b", before.B)]);
            x -= 0.001 * weights[0] * 10 * x;
            y -= 0.001 * weights[1] * 0.1 * y;
            var after = Losses();
            famo.EndStep(() => Scalars.Of(("a", after.A), ("b", after.B)));
            return Math.Log(before.A / after.A) / Math.Log(before.B / after.B);
        }

        Rates(famo.Weigh).Should().BeApproximately(100, 10);
        var rates = Enumerable.Range(0, 1_200).Select(_ => Rates(famo.Weigh)).ToArray();
        rates[^1].Should().BeApproximately(1, 0.02);
    }

    [Fact]
    public void A_task_that_fell_faster_loses_weight_and_equal_rates_change_nothing()
    {
        using var famo = new FAMO(["a", "b"], gamma: 0);
        Step(famo, [("a", 2e9), ("b", 6e9)], [("a", 1e9), ("b", 3e9)]);
        famo.Weigh([("a", 1), ("b", 1)])[0].Should().BeApproximately(0.5, 1e-6);
        famo.Reset();
        Step(famo, [("a", 1), ("b", 1)], [("a", 0.5), ("b", 0.9)]);

        // Adam's first step has the length of its rate: w = ∓0.025.
        var z = famo.Weigh([("a", 1), ("b", 1)]);
        Math.Log(z[0] / z[1]).Should().BeApproximately(-2 * 0.025, 1e-6);
    }

    [Fact]
    public void Weights_and_bounds_are_by_name_whatever_the_order()
    {
        using var famo = new FAMO(["a", "b"], [("b", 1), ("a", 0)]);
        Step(famo, [("b", 2), ("a", 2)], [("a", 1), ("b", 1.9)]);
        var weights = famo.Weigh([("a", 2), ("b", 3)]);
        famo.Weigh([("b", 3), ("a", 2)]).Should().Equal(weights[1], weights[0]);
    }

    [Fact]
    public void An_absent_task_keeps_its_w_and_its_moments()
    {
        using var famo = new FAMO(Tasks);
        Step(famo, [("a", 1), ("b", 1), ("c", 1)], [("a", 0.5), ("b", 0.7), ("c", 0.9)]);
        var before = famo.state_dict()["memory.c"].data<double>().ToArray();
        for (var step = 0; step < 5; step++)
        {
            Step(famo, [("a", 1), ("b", 1)], [("a", 0.4), ("b", 0.9)]);
        }

        famo.state_dict()["memory.c"].data<double>().ToArray().Should().Equal(before);
        famo.Weigh([("a", 1), ("b", 2)]).Sum().Should().BeApproximately(1, 1e-14);
        famo.Weigh([("c", 5)]).Should().Equal(1);
    }

    [Fact]
    public void A_step_of_two_tasks_is_that_of_a_method_for_two_tasks()
    {
        using var famo = new FAMO(Tasks);
        using var two = new FAMO(["a", "b"]);
        for (var step = 0; step < 4; step++)
        {
            TaskMap<double> before = [("a", 1 + step), ("b", 2)];
            TaskMap<double> after = [("a", 1), ("b", 1.8)];
            Step(famo, before, after);
            Step(two, before, after);
        }

        famo.Weigh([("a", 1), ("b", 1)]).Should().Equal(two.Weigh([("a", 1), ("b", 1)]));
    }

    [Fact]
    public void Micro_batches_count_by_the_mean_of_their_losses()
    {
        using var famo = new FAMO(["a", "b"]);
        using var whole = new FAMO(["a", "b"]);
        famo.Weigh([("a", 1), ("b", 2)]);
        famo.Weigh([("a", 3)]);
        famo.Weigh([("a", 5), ("b", 6)]);
        famo.EndStep(() => Scalars.Of(("a", 2), ("b", 3.5)));
        Step(whole, [("a", 3), ("b", 4)], [("a", 2), ("b", 3.5)]);
        famo.Weigh([("a", 1), ("b", 1)]).Should().Equal(whole.Weigh([("a", 1), ("b", 1)]));
    }

    [Fact]
    public void Amortized_a_task_is_compared_with_the_step_in_which_it_was_last()
    {
        using var famo = new FAMO(["a", "b"], amortized: true, gamma: 0);
        famo.Weigh([("a", 4), ("b", 4)]);
        famo.EndStep(() => []);
        famo.Weigh([("a", 2)]); // alone it has no one to be compared with
        famo.EndStep(() => []);
        var z = famo.Weigh([("a", 1), ("b", 1)]);

        // b fell by a factor of 4 since it was seen, a by 2. It is b's first Adam step, and a's second after one of 0.
        var second = 0.1 / (1 - (0.9 * 0.9)) / Math.Sqrt(0.001 / (1 - (0.999 * 0.999)));
        Math.Log(z[0] / z[1]).Should().BeApproximately(0.025 * (1 + second), 1e-7);
    }

    [Fact]
    public void A_loss_at_its_bound_is_defined_and_one_below_is_an_error_that_names_the_task()
    {
        using var famo = new FAMO(["a", "b"], [("a", 0), ("b", 3)]);
        Same(famo.Weigh([("a", 1e8), ("b", 3)]), 0, 1);
        famo.Reset();
        famo.Invoking(f => f.Weigh([("a", 1), ("b", 2.5)])).Should().Throw<ArgumentException>().WithMessage("*'b'*FAMO*below their bound, 3*2.5*");
        famo.Invoking(f => f.Weigh([("a", -0.1), ("b", 4)])).Should().Throw<ArgumentException>().WithMessage("*'a'*bound, 0*-0.1*");
        famo.Weigh([("a", 1), ("b", 4)]);
        famo.Invoking(f => f.EndStep(() => Scalars.Of(("a", 1), ("b", 1)))).Should().Throw<ArgumentException>().WithMessage("*'b'*bound, 3*1*");
        famo.EndStep(() => throw new InvalidOperationException("the look that failed is forgotten"));
        famo.Weigh([("a", 1), ("b", 4)]);
        famo.Invoking(f => f.EndStep(() => Scalars.Of(("a", double.NaN), ("b", 4)))).Should().Throw<NonFiniteException>().WithMessage("*'a'*loss after the step*");
    }

    [Theory]
    [InlineData(1e-300, 1e300)]
    [InlineData(1e-320, 1e-9)]
    [InlineData(1e300, 1e300)]
    public void Losses_may_be_tiny_or_huge(double a, double b)
    {
        using var famo = new FAMO(["a", "b"]);
        for (var step = 0; step < 3; step++)
        {
            var weights = famo.Weigh([("a", a), ("b", b)]);
            weights.Should().OnlyContain(w => w >= 0 && w <= 1);
            weights.Sum().Should().BeApproximately(1, 1e-14);
            famo.EndStep(() => Scalars.Of(("a", b), ("b", a)));
        }
    }

    [Theory]
    [InlineData(false)]
    [InlineData(true)]
    public void A_run_continues_from_its_state_even_between_a_step_and_its_end(bool amortized)
    {
        using var famo = new FAMO(["a", "b"], amortized: amortized);
        using var resumed = new FAMO(["a", "b"], amortized: amortized);
        Step(famo, [("a", 1), ("b", 1)], [("a", 0.5), ("b", 0.9)]);
        famo.Weigh([("a", 2), ("b", 3)]);
        resumed.load_state_dict(famo.state_dict());
        foreach (var f in new[] { famo, resumed })
        {
            f.EndStep(() => Scalars.Of(("a", 1), ("b", 2)));
            Step(f, [("a", 1.5), ("b", 1)], [("a", 1), ("b", 1)]);
        }

        resumed.Weigh([("a", 1), ("b", 1)]).Should().Equal(famo.Weigh([("a", 1), ("b", 1)]));
        resumed.Weigh([("a", 1), ("b", 1)])[0].Should().NotBe(0.5);
    }

    [Fact]
    public void A_step_without_losses_ends_without_a_look_at_them()
    {
        using var famo = new FAMO(["a", "b"]);
        famo.EndStep(() => throw new InvalidOperationException("not needed"));
        Same(famo.Weigh([("a", 1), ("b", 1)]), 0.5, 0.5);
    }

    [Fact]
    public void Refuses_what_makes_no_sense()
    {
        FluentActions.Invoking(() => new FAMO(Tasks, learningRate: 0)).Should().Throw<ArgumentOutOfRangeException>().WithMessage("*`learningRate`*positive*0*");
        FluentActions.Invoking(() => new FAMO(Tasks, gamma: -0.5)).Should().Throw<ArgumentOutOfRangeException>().WithMessage("*`gamma`*non-negative*-0.5*");
        FluentActions.Invoking(() => new FAMO(Tasks, [("a", 1)])).Should().Throw<ArgumentException>().WithMessage("*FAMO*'a'*'b', 'c'*");
        FluentActions.Invoking(() => new FAMO(["a"], [("a", double.NegativeInfinity)])).Should().Throw<ArgumentException>().WithMessage("*'a'*finite*");
        FluentActions.Invoking(() => new FAMO(["a", "a"])).Should().Throw<ArgumentException>().WithMessage("*distinct*");
        using var famo = new FAMO(["a"]);
        famo.Invoking(f => f.Weigh([("z", 1)])).Should().Throw<ArgumentException>().WithMessage("*'a'*'z'*");
    }

    private static void Step(FAMO famo, TaskMap<double> before, TaskMap<double> after)
    {
        famo.Weigh(before);
        famo.EndStep(() => Scalars.Of([.. after]));
    }

    private static double[] Drawn(Random random) => [random.NextDouble(), 0.3 + random.NextDouble(), 10 * random.NextDouble()];

    private static TaskMap<Tensor> Map(double[] losses) => Scalars.Of(("a", losses[0]), ("b", losses[1]), ("c", losses[2]));

    private static Tensor Distances(double[] losses) => tensor(losses) - tensor(new double[] { -1, 0.2, 0 }) + 1e-8;

    private static void Same(double[] found, params double[] expected) =>
        found.Should().Equal(expected, (x, y) => Math.Abs(x - y) < 1e-12);
}
