using FluentAssertions;
using MultiTask.Balancing;
using MultiTask.Tests.Fixtures;

namespace MultiTask.Tests.Balancing;

public sealed class PIVRGTests
{
    private static readonly string[] Tasks = ["0", "1", "2"];

    [Fact]
    public void Before_the_first_drops_it_is_FairGrad_with_alpha_2()
    {
        using var pivrg = new PIVRG(Tasks, () => throw new InvalidOperationException("not yet"));
        using var fair = new FairGrad(2);
        foreach (var sample in Gramians.Draw(500, seed: 60, least: 3, most: 3))
        {
            pivrg.Weigh(sample.Gramian).Should().Equal(fair.Weigh(sample.Gramian), "{0}", sample);
        }
    }

    [Fact]
    public void Gains_are_those_of_the_priorities()
    {
        // τ = max(30 / ln 2, 10); ω = 3 softmax(Δ/τ): the best task counts half as much as the worst.
        using var pivrg = new PIVRG(Tasks, () => [("0", -10), ("1", 5), ("2", 20)]);
        pivrg.EndEpoch();
        var g = Gramians.Of(Jacobians.B);
        var w = pivrg.Weigh(g);
        double[] omega = [.. g.Times(w).Zip(w, (gain, v) => gain * gain * v)];
        double[] expected = [1, Math.Sqrt(2), 2];
        Same(omega, Array.ConvertAll(expected, x => 3 * x / expected.Sum()), 1e-10);
    }

    [Fact]
    public void Drops_that_are_alike_are_tempered()
    {
        using var pivrg = new PIVRG(Tasks, () => [("0", 0), ("1", 1), ("2", 2)]);
        pivrg.EndEpoch();
        Omega(pivrg).Should().Equal([1, Math.Exp(0.1), Math.Exp(0.2)], (a, b) => Math.Abs(a - b) < 1e-10);
        using var colder = new PIVRG(Tasks, () => [("0", 0), ("1", 1), ("2", 2)], minTemp: 4);
        colder.EndEpoch();
        Omega(colder).Should().Equal([1, Math.Exp(0.25), Math.Exp(0.5)], (a, b) => Math.Abs(a - b) < 1e-10);
        using var bolder = new PIVRG(Tasks, () => [("0", 0), ("1", 50), ("2", 100)], bound: 9);
        bolder.EndEpoch();
        Omega(bolder).Should().Equal([1, 3, 9], (a, b) => Math.Abs(a - b) < 1e-10);
    }

    [Fact]
    public void Asks_at_the_end_of_each_epoch_and_only_then()
    {
        var asked = 0;
        using var pivrg = new PIVRG(Tasks, () => [("0", 0), ("1", 0), ("2", 50.0 * ++asked)]);
        Omega(pivrg);
        asked.Should().Be(0);
        pivrg.EndEpoch();
        Omega(pivrg)[2].Should().BeApproximately(2, 1e-10);
        pivrg.EndEpoch();
        asked.Should().Be(2);
    }

    [Fact]
    public void A_task_without_a_drop_keeps_the_one_it_had()
    {
        TaskMap<double> found = [("0", 0), ("1", 0), ("2", 50)];
        using var pivrg = new PIVRG(Tasks, () => found);
        pivrg.EndEpoch();
        found = [("0", 0), ("1", 50)];
        pivrg.EndEpoch();
        Omega(pivrg).Should().Equal([1, 2, 2], (a, b) => Math.Abs(a - b) < 1e-10);
    }

    [Fact]
    public void A_batch_without_a_task_has_the_priorities_of_the_others()
    {
        using var pivrg = new PIVRG(["a", "b", "c"], () => [("a", 0), ("b", 100), ("c", 50)]);
        pivrg.EndEpoch();
        var g = new Gramian(new[,] { { 1.0, 0.2 }, { 0.2, 2 } }, [("c", 1), ("a", 1)]);
        var w = pivrg.Weigh(g);
        double[] omega = [.. g.Times(w).Zip(w, (gain, v) => gain * gain * v)];
        Same(omega, [4.0 / 3, 2.0 / 3], 1e-10);
    }

    [Fact]
    public void Drops_are_state()
    {
        using var pivrg = new PIVRG(Tasks, () => [("0", -10), ("1", 5), ("2", 20)]);
        pivrg.EndEpoch();
        using var resumed = new PIVRG(Tasks, () => [("0", 0), ("1", 0), ("2", 0)]);
        resumed.load_state_dict(pivrg.state_dict());
        resumed.Weigh(Gramians.Of(Jacobians.B)).Should().Equal(pivrg.Weigh(Gramians.Of(Jacobians.B)));
        resumed.Reset();
        Omega(resumed).Should().Equal([1, 1, 1], (a, b) => Math.Abs(a - b) < 1e-10);
    }

    [Fact]
    public void Never_conflicts()
    {
        using var pivrg = new PIVRG(Tasks, () => [("0", -10), ("1", 5), ("2", 20)]);
        pivrg.EndEpoch();
        Laws.NonConflicting(pivrg.Weigh, Gramians.Draw(2_000, seed: 61, least: 3, most: 3));
    }

    [Fact]
    public void Refuses_what_makes_no_sense()
    {
        FluentActions.Invoking(() => new PIVRG(Tasks, () => [], bound: 1)).Should().Throw<ArgumentOutOfRangeException>().WithMessage("*`bound`*above 1*1*");
        FluentActions.Invoking(() => new PIVRG(Tasks, () => [], minTemp: 0)).Should().Throw<ArgumentOutOfRangeException>().WithMessage("*`minTemp`*positive*0*");
        FluentActions.Invoking(() => new PIVRG(Tasks, null!)).Should().Throw<ArgumentNullException>();
        using var unknown = new PIVRG(Tasks, () => [("x", 1)]);
        unknown.Invoking(p => p.EndEpoch()).Should().Throw<ArgumentException>().WithMessage("*PIVRG*'x'*");
        using var infinite = new PIVRG(Tasks, () => [("0", 3), ("1", double.NaN)]);
        infinite.Invoking(p => p.EndEpoch()).Should().Throw<ArgumentException>().WithMessage("*'1'*finite*NaN*");
        Omega(infinite).Should().Equal([1, 1, 1], (a, b) => Math.Abs(a - b) < 1e-10);
        using var two = new PIVRG(["0", "1"], () => []);
        two.Invoking(p => p.Weigh(Gramians.Of(Jacobians.B))).Should().Throw<ArgumentException>().WithMessage("*PIVRG*'2'*");
    }

    /// <summary>The priorities, relative to that of the first task.</summary>
    private static double[] Omega(PIVRG pivrg)
    {
        var g = Gramians.Of(Jacobians.B);
        var w = pivrg.Weigh(g);
        double[] omega = [.. g.Times(w).Zip(w, (gain, v) => gain * gain * v)];
        return Array.ConvertAll(omega, o => o / omega[0]);
    }

    private static void Same(double[] found, double[] expected, double tolerance) =>
        found.Should().Equal(expected, (a, b) => Math.Abs(a - b) <= tolerance);
}
