using FluentAssertions;
using MultiTask.Balancing;
using MultiTask.Tests.Contracts;
using MultiTask.Tests.Fixtures;

namespace MultiTask.Tests.Balancing;

public sealed class COSMOSTests
{
    private static readonly string[] Tasks = ["a", "b"];

    [Fact]
    public void Is_the_weighted_sum_less_lambda_times_the_cosine()
    {
        using var cosmos = new COSMOS(Tasks, penalty: 3) { Preference = [("a", 1), ("b", 3)] };
        var losses = Scalars.Of(("a", 4), ("b", 3));
        var length = Math.Sqrt(0.0625 + 0.5625);
        var cosine = 3.25 / (length * 5);
        cosmos.Scalarize(losses).item<double>().Should().BeApproximately(3.25 - (3 * cosine), 1e-14);

        // ∂cos/∂ℓ = (r/‖r‖ − cos ℓ/‖ℓ‖)/‖ℓ‖.
        Same(cosmos.Slopes(losses), 0.25 - (3 * ((0.25 / length) - (cosine * 0.8)) / 5), 0.75 - (3 * ((0.75 / length) - (cosine * 0.6)) / 5));
    }

    [Fact]
    public void Without_a_penalty_it_is_the_weighted_sum_and_finds_the_ends_of_a_concave_front_only() =>
        ConcaveFront.FindsTheEndsOnly(weights => new COSMOS(Tasks, penalty: 0) { Preference = weights });

    [Fact]
    public void With_a_penalty_it_finds_points_of_a_concave_front_near_the_preferred_direction() =>
        ConcaveFront.FindsWhatIsPreferred(
            weights => new COSMOS(Tasks, penalty: 20) { Preference = weights },
            (losses, p) => (losses[0] * p[1]) - (losses[1] * p[0]),
            tolerance: 0.02,
            rate: 0.02);

    [Fact]
    public void Losses_of_which_all_are_0_have_no_direction()
    {
        using var cosmos = new COSMOS(Tasks) { Preference = [("a", 1), ("b", 3)] };
        var losses = Scalars.Of(("a", 0), ("b", 0));
        cosmos.Scalarize(losses).item<double>().Should().Be(0);
        Same(cosmos.Slopes(losses), 0.25, 0.75);
    }

    [Fact]
    public void Each_step_has_another_preference_and_a_batch_and_its_micro_batches_the_same()
    {
        using var cosmos = new COSMOS(["a", "b", "c"]);
        var first = cosmos.Preference;
        cosmos.Slopes(Scalars.Of(("a", 1), ("b", 2), ("c", 3)));
        cosmos.Slopes(Scalars.Of(("a", 1)));
        cosmos.Preference.Values.Should().Equal(first.Values);
        cosmos.EndStep(() => throw new InvalidOperationException("not needed"));
        cosmos.Preference.Values.Should().NotEqual(first.Values);
        cosmos.Reset();
        cosmos.Preference.Values.Should().Equal(first.Values);
        using var other = new COSMOS(["a", "b", "c"], seed: 1);
        other.Preference.Values.Should().NotEqual(first.Values);
    }

    [Fact]
    public void Preferences_are_Dirichlet_numbers()
    {
        using var cosmos = new COSMOS([("a", 0.5), ("b", 1.5)]);
        var drawn = new List<double>();
        for (var step = 0; step < 4_000; step++)
        {
            cosmos.Preference.Values.Sum().Should().BeApproximately(1, 1e-14);
            drawn.Add(cosmos.Preference["a"]);
            cosmos.EndStep(() => []);
        }

        // Beta(½, 3⁄2): mean ¼, variance 1/16.
        drawn.Average().Should().BeApproximately(0.25, 0.015);
        drawn.Average(r => Math.Pow(r - 0.25, 2)).Should().BeApproximately(1.0 / 16, 0.006);
    }

    [Fact]
    public void In_a_batch_that_lacks_tasks_the_others_keep_their_entries()
    {
        using var cosmos = new COSMOS(["a", "b", "c"], penalty: 0) { Preference = [("a", 1), ("b", 2), ("c", 5)] };
        Same(cosmos.Slopes(Scalars.Of(("c", 1), ("a", 7))), 0.625, 0.125);
    }

    [Fact]
    public void A_run_continues_with_the_same_preferences()
    {
        using var cosmos = new COSMOS(Tasks);
        using var resumed = new COSMOS(Tasks, seed: 99);
        cosmos.EndStep(() => []);
        resumed.load_state_dict(cosmos.state_dict());
        for (var step = 0; step < 3; step++)
        {
            resumed.Preference.Values.Should().Equal(cosmos.Preference.Values);
            cosmos.EndStep(() => []);
            resumed.EndStep(() => []);
        }
    }

    [Fact]
    public void Refuses_what_makes_no_sense()
    {
        FluentActions.Invoking(() => new COSMOS(Tasks, penalty: -1)).Should().Throw<ArgumentOutOfRangeException>().WithMessage("*`penalty`*non-negative*-1*");
        FluentActions.Invoking(() => new COSMOS(Tasks, concentration: 0)).Should().Throw<ArgumentException>().WithMessage("*'a'*concentration*positive*0*");
        FluentActions.Invoking(() => new COSMOS([("a", double.NaN)])).Should().Throw<ArgumentException>().WithMessage("*'a'*concentration*NaN*");
        FluentActions.Invoking(() => new COSMOS(Concrete.Names(0))).Should().Throw<ArgumentException>().WithMessage("*at least one task*");
        using var cosmos = new COSMOS(Tasks);
        foreach (var bad in new TaskMap<double>[] { [("a", 1)], [("a", 1), ("b", -1)], [("a", 0), ("b", 0)], [("a", 1), ("b", double.NaN)], [("a", 1), ("b", double.PositiveInfinity)] })
        {
            cosmos.Invoking(c => c.Preference = bad).Should().Throw<ArgumentException>().WithMessage("*preference*non-negative*");
        }

        cosmos.Invoking(c => c.Preference = [("a", 1), ("b", 1), ("z", 1)]).Should().Throw<ArgumentException>().WithMessage("*'z'*");
        cosmos.Invoking(c => c.Scalarize(Scalars.Of(("z", 1)))).Should().Throw<ArgumentException>().WithMessage("*COSMOS*'z'*");
    }

    private static void Same(double[] found, params double[] expected) =>
        found.Should().Equal(expected, (x, y) => Math.Abs(x - y) < 1e-13);
}
