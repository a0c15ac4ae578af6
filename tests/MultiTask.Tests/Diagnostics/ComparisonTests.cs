using FluentAssertions;
using MultiTask.Diagnostics;
using MultiTask.Training;

namespace MultiTask.Tests.Diagnostics;

public sealed class ComparisonTests
{
    private static readonly Comparison Sample = new("alone", [("alone", [Of(2), Of(4), Of(1)]), ("shared", [Of(1), Of(2), Of(2)]), ("worse", [Of(4), Of(8), Of(2)])]);

    [Fact]
    public void Each_seed_is_compared_with_the_same_seed()
    {
        Sample.Methods.Should().Equal("alone", "shared", "worse");
        Sample.DeltaM("shared").Select(d => d.Mean).Should().Equal(0.5, 0.5, -1);
        Sample.DeltaM("worse").Select(d => d.Mean).Should().Equal(-1, -1, -1);
        Sample.DeltaM("alone").Select(d => d.Mean).Should().Equal(0, 0, 0);
        Sample.Improvement("shared").Should().Be(Spread.Of([0.5, 0.5, -1]));
        Sample.Improvement("worse", "rmse").Mean.Should().Be(-1);
    }

    [Fact]
    public void Wins_are_seeds_in_which_the_figure_is_higher()
    {
        static double Figure(Evaluation e) => -e["a"]["rmse"];
        Sample.Wins("shared", "alone", Figure).Should().Be(2);
        Sample.Wins("alone", "shared", Figure).Should().Be(1);
        Sample.Wins("shared", "worse", Figure).Should().Be(2, "a draw is no win");
        Sample.Wins("alone", "alone", Figure).Should().Be(0);
    }

    [Fact]
    public void Figures_have_a_mean_and_a_spread()
    {
        var spread = Sample.Over("alone", e => e["a"]["rmse"]);
        spread.Mean.Should().BeApproximately(7 / 3.0, 1e-12);
        spread.Deviation.Should().BeApproximately(1.5275252316519465, 1e-12, "of a sample: numpy.std([2, 4, 1], ddof=1)");
        spread.Count.Should().Be(3);
        spread.ToString().Should().Be("2.333 ± 1.528");
        Spread.Of([0.25]).ToString().Should().Be("0.250");
        Spread.Of([0.25]).Deviation.Should().Be(double.NaN);
        FluentActions.Invoking(() => Spread.Of([])).Should().Throw<ArgumentException>().WithMessage("*at least one*");
    }

    [Fact]
    public void What_cannot_be_compared_is_refused()
    {
        Refused("none", ("alone", [Of(1)]));
        Refused("alone", ("alone", [Of(1)]), ("shared", [Of(1), Of(2)]));
        Refused("alone", ("alone", [Of(1)]), ("alone", [Of(1)]));
        Refused("alone", ("alone", []));
        Sample.Invoking(s => s["none"]).Should().Throw<KeyNotFoundException>().WithMessage("*'none'*'alone', 'shared', 'worse'*");
        Sample.Invoking(s => s.DeltaM("none")).Should().Throw<KeyNotFoundException>().WithMessage("*'none'*");

        static void Refused(string baseline, params (string, IReadOnlyList<Evaluation>)[] results) =>
            FluentActions.Invoking(() => new Comparison(baseline, results)).Should().Throw<ArgumentException>().WithMessage($"*'{baseline}'*");
    }

    private static Evaluation Of(double rmse) => new([("a", new(rmse, 10, [new("rmse", rmse, false)]))], rmse);
}
