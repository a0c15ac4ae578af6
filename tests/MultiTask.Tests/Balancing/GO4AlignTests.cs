using FluentAssertions;
using MultiTask.Balancing;

namespace MultiTask.Tests.Balancing;

public sealed class GO4AlignTests
{
    private static readonly TaskMap<double> Losses = [("a", 1), ("b", 2), ("c", 1.1), ("d", 20)];

    [Fact]
    public void Without_a_step_size_indicators_are_inverse_losses_and_groups_share_their_mean()
    {
        using var method = new GO4Align(["a", "b", "c", "d"], groups: 2, stepSize: 0);

        // s/4 = 24.1/ℓ/4 = (6.03, 3.01, 5.48, 0.30): the groups {a, c} and {b, d}.
        var (a, b, c, d) = (24.1 / 4, 24.1 / 8, 24.1 / 4.4, 24.1 / 80);
        Same(method.Weigh(Losses), (a + c) / 2, (b + d) / 2, (a + c) / 2, (b + d) / 2);
    }

    [Fact]
    public void One_group_is_a_sum_times_the_mean_and_as_many_groups_as_tasks_leave_each_its_own()
    {
        using var one = new GO4Align(["a", "b"], groups: 1, stepSize: 0);
        Same(one.Weigh([("a", 1), ("b", 3)]), (2 + (2.0 / 3)) / 2, (2 + (2.0 / 3)) / 2);
        using var own = new GO4Align(["a", "b"], groups: 9, stepSize: 0);
        Same(own.Weigh([("a", 1), ("b", 3)]), 2, 2.0 / 3);
    }

    [Fact]
    public void Risks_follow_the_recursion_of_the_authors_code()
    {
        using var method = new GO4Align(["a", "b", "c"], groups: 3, stepSize: 0.1);
        var random = new Random(1);
        double[] p = [1.0 / 3, 1.0 / 3, 1.0 / 3];
        for (var step = 0; step < 60; step++)
        {
            double[] losses = [random.NextDouble() + 0.1, random.NextDouble() + 1, random.NextDouble() + 5];
            p = [.. p.Select((v, i) => v * Math.Exp(-0.1 * losses[i]))];
            p = [.. p.Select(v => v / p.Sum())];
            var expected = losses.Select((l, i) => losses.Sum() / l * p[i]).ToArray();
            method.Weigh([("a", losses[0]), ("b", losses[1]), ("c", losses[2])]).Should().Equal(expected, (x, y) => Math.Abs(x - y) < 1e-11 * y);
        }
    }

    [Fact]
    public void A_task_that_is_absent_keeps_its_share()
    {
        using var method = new GO4Align(["a", "b", "c"], groups: 3, stepSize: 0.5);
        method.Weigh([("a", 1), ("b", 1), ("c", 1)]);
        method.Weigh([("a", 3), ("b", 1)]);

        // a and b had ⅔ of p together and still have; c has its third.
        var (a, b) = (Math.Exp(-1.5), Math.Exp(-0.5));
        var two = 2.0 / 3 / (a + b);
        double[] p = [a * two, b * two, 1.0 / 3];
        p = [.. p.Select(v => v * Math.Exp(-0.5))];
        Same(method.Weigh([("c", 1), ("b", 1), ("a", 1)]), [.. new[] { p[2], p[1], p[0] }.Select(v => 3 * v / p.Sum())]);
        method.Weigh([("b", 7)]).Should().Equal(1);
    }

    [Fact]
    public void Risks_do_not_underflow()
    {
        using var method = new GO4Align(["a", "b"], stepSize: 1);
        for (var step = 0; step < 20; step++)
        {
            method.Weigh([("a", 1e6), ("b", 1)]).Should().OnlyContain(w => double.IsFinite(w) && w >= 0);
        }

        using var long_run = new GO4Align(["a", "b"], groups: 2, stepSize: 1);
        for (var step = 0; step < 20; step++)
        {
            long_run.Weigh([("a", 1e6), ("b", 1)]);
            long_run.Weigh([("a", 1), ("b", 1e6)]);
        }

        Same(long_run.Weigh([("a", 1), ("b", 1)]), 1, 1); // as far behind as before, which p itself could not have told
    }

    [Fact]
    public void The_state_comes_back_and_Reset_forgets()
    {
        using var method = new GO4Align(["a", "b"], stepSize: 0.3);
        using var resumed = new GO4Align(["a", "b"], stepSize: 0.3);
        var first = method.Weigh([("a", 1), ("b", 5)]);
        resumed.load_state_dict(method.state_dict());
        resumed.Weigh([("a", 1), ("b", 5)]).Should().Equal(method.Weigh([("a", 1), ("b", 5)])).And.NotEqual(first);
        method.Reset();
        method.Weigh([("a", 1), ("b", 5)]).Should().Equal(first);
    }

    [Fact]
    public void Refuses_what_makes_no_sense()
    {
        FluentActions.Invoking(() => new GO4Align(["a"], groups: 0)).Should().Throw<ArgumentOutOfRangeException>().WithMessage("*`groups`*at least 1*0*");
        FluentActions.Invoking(() => new GO4Align(["a"], stepSize: -1)).Should().Throw<ArgumentOutOfRangeException>().WithMessage("*`stepSize`*non-negative*-1*");
        FluentActions.Invoking(() => new GO4Align(["a", "a"])).Should().Throw<ArgumentException>().WithMessage("*distinct*");
        using var method = new GO4Align(["a", "b"]);
        method.Invoking(m => m.Weigh([("z", 1)])).Should().Throw<ArgumentException>().WithMessage("*'a'*'z'*");
        method.Invoking(m => m.Weigh([("a", 1), ("b", -1)])).Should().Throw<ArgumentException>().WithMessage("*'b'*GO4Align*positive*-1*");
        method.Invoking(m => m.Weigh([("a", 1), ("b", 0)])).Should().Throw<NonFiniteException>().WithMessage("*'b'*inverse of the loss*");
        method.Invoking(m => m.Weigh([("a", 1e-320), ("b", 1)])).Should().Throw<NonFiniteException>().WithMessage("*'a'*risk indicator*");
    }

    private static void Same(double[] found, params double[] expected) =>
        found.Should().Equal(expected, (x, y) => Math.Abs(x - y) < 1e-13 * (1 + y));
}
