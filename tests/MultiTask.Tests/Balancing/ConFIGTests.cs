using FluentAssertions;
using MultiTask.Balancing;
using MultiTask.Tests.Fixtures;
using static TorchSharp.torch;

namespace MultiTask.Tests.Balancing;

public sealed class ConFIGTests
{
    [Fact]
    public void Golden_rows()
    {
        using var config = new ConFIG();
        Same(config.Aggregate(Jacobians.Of(Jacobians.A)).Values(), [0.158809, 2.070607, 2.070607], 1e-6);
        Same(config.Aggregate(Jacobians.Of(Jacobians.B)).Values(), [0.422146, 1.121419, 1.687634, 1.126924], 1e-6);
    }

    [Fact]
    public void Weights_are_numbers()
    {
        using var config = new ConFIG();
        Laws.Finite(config.Weigh, Gramians.Draw(10_000, seed: 330));
    }

    [Fact]
    public void Descends_on_every_task_alike()
    {
        using var config = new ConFIG();
        var samples = Gramians.Draw(3_000, seed: 331, most: 20).Independent(1e-11).ToArray();
        samples.Length.Should().BeGreaterThan(500);
        Laws.EqualProjections(config.Weigh, samples);
        Laws.NonConflicting(config.Weigh, samples);
    }

    [Fact]
    public void Finds_the_line_of_IMTL_G()
    {
        using var config = new ConFIG();
        using var imtl = new IMTLG();
        foreach (var sample in Gramians.Draw(3_000, seed: 332, most: 20).Independent())
        {
            var (w, v) = (config.Weigh(sample.Gramian), imtl.Weigh(sample.Gramian));
            var (a, b) = (Laws.Length(sample.Gramian, w), Laws.Length(sample.Gramian, v));
            Laws.SameDirection(sample, Array.ConvertAll(w, x => x / a), Array.ConvertAll(v, x => x / b), 1e-9);
        }
    }

    [Fact]
    public void Is_as_long_as_the_gradients_projections_on_it()
    {
        using var config = new ConFIG();
        foreach (var sample in Gramians.Draw(1_000, seed: 333, most: 20).Independent())
        {
            var d = Laws.Direction(sample.Rows, config.Weigh(sample.Gramian));
            var length = Math.Sqrt(Gramians.Dot(d, d));
            sample.Rows.Sum(g => Gramians.Dot(g, d) / length).Should().BeApproximately(length, 1e-7 * length, "{0}", sample);
        }
    }

    [Fact]
    public void Is_what_the_pseudo_inverse_of_the_unit_gradients_gives()
    {
        using var scope = NewDisposeScope();
        using var config = new ConFIG();
        var random = new Random(334);
        for (var k = 0; k < 300; k++)
        {
            // Up to 9 tasks in 4 dimensions: dependent ones, too.
            var rows = Gramians.Normal(random, 1 + (k % 9), 4);
            var j = Jacobians.Of(rows);
            var units = j.Matrix / j.Matrix.norm(dim: 1, keepdim: true);
            var direction = linalg.pinv(units).matmul(ones(rows.Length, ScalarType.Float64));
            direction /= direction.norm();
            var expected = direction * j.Matrix.matmul(direction).sum();
            Same(config.Aggregate(j).Values(), expected.Values(), 1e-9 * (1 + rows.Sum(r => Math.Sqrt(Gramians.Dot(r, r)))), $"#{k}");
        }
    }

    [Fact]
    public void Two_tasks_have_the_papers_form_without_an_inverse()
    {
        using var config = new ConFIG();
        foreach (var sample in Gramians.Draw(2_000, seed: 335, most: 2).Independent(1e-8))
        {
            // The bisector of the unit gradients, b = u₁ + u₂, and Σ gᵢ · b / ‖b‖².
            var g = sample.Gramian;
            var cosine = g.Cosine(0, 1);
            var step = (g.Norm(0) + g.Norm(1)) * (1 + cosine) / (2 + (2 * cosine));
            Laws.SameDirection(sample, config.Weigh(g), [step / g.Norm(0), step / g.Norm(1)], 1e-7);
        }
    }

    [Fact]
    public void Projections_are_in_proportion_to_the_preferences()
    {
        TaskMap<double> preferences = [("0", 1), ("1", 2), ("2", 5)];
        using var config = new ConFIG(preferences);
        foreach (var sample in Gramians.Draw(2_000, seed: 336, least: 3, most: 3).Independent())
        {
            var g = sample.Gramian;
            var w = config.Weigh(g);
            double[] projections = [.. g.Times(w).Select((p, i) => p / g.Norm(i) / preferences.Values[i])];
            (projections.Max() - projections.Min()).Should().BeLessThan(1e-9 * Laws.Length(g, w), "{0}", sample);
            projections.Min().Should().BeGreaterThan(0, "{0}", sample);
        }
    }

    [Fact]
    public void A_tasks_scale_does_not_turn_the_direction()
    {
        using var config = new ConFIG();
        Laws.ScaleInvariantPerTask(Line, Gramians.Draw(1_000, seed: 337, most: 20).Independent());
        double[] Line(Gramian g)
        {
            var w = config.Weigh(g);
            var length = Laws.Length(g, w);
            return Array.ConvertAll(w, v => v / length);
        }
    }

    [Fact]
    public void The_order_of_tasks_and_the_scale_of_all_gradients_do_not_matter()
    {
        using var config = new ConFIG();
        Laws.PermutationEquivariant(config.Weigh, Gramians.Draw(1_000, seed: 338, most: 20).Independent(), 1e-7);
        Laws.Homogeneous(config.Weigh, Gramians.Draw(1_000, seed: 339, most: 20));
    }

    [Theory]
    [InlineData(ConFIGLength.Projection, 4 + 1)]
    [InlineData(ConFIGLength.Minimum, 1 + 1)]
    [InlineData(ConFIGLength.Maximum, 4 + 4)]
    [InlineData(ConFIGLength.ArithmeticMean, 2.5 + 2.5)]
    [InlineData(ConFIGLength.GeometricMean, 2 + 2)]
    [InlineData(ConFIGLength.HarmonicMean, 1.6 + 1.6)]
    public void Its_length_can_be_chosen(ConFIGLength length, double sum)
    {
        // Orthogonal gradients of the lengths 4 and 1; both have the cosine √½ with the direction.
        using var config = new ConFIG(length: length);
        var d = config.Aggregate(Jacobians.Of([4, 0], [0, 1])).Values();
        Same(d, [sum / 2, sum / 2], 1e-14);
    }

    [Fact]
    public void Zero_gradients_are_left_out()
    {
        using var config = new ConFIG();
        Same(config.Weigh(Gramians.Of([[0, 0], [1, 0], [0, 1]])), [0, 1, 1], 1e-14);
        config.Weigh(Gramians.Of([[0], [0]])).Should().Equal(0, 0);
        Same(config.Weigh(Gramians.Of([[7]])), [1], 1e-14);
    }

    [Fact]
    public void Opposite_gradients_have_no_direction()
    {
        using var config = new ConFIG();
        config.Weigh(Gramians.Of([[1, 2], [-3, -6]])).Should().Equal(0, 0);
        Same(config.Aggregate(Jacobians.Of([1, 0], [-3, 0], [0, 2])).Values(), [0, 2], 1e-13);
    }

    [Fact]
    public void Refuses_what_it_cannot_use()
    {
        FluentActions.Invoking(() => new ConFIG([("a", 0)])).Should().Throw<ArgumentException>().WithMessage("*'a'*positive*0*");
        FluentActions.Invoking(() => new ConFIG(length: (ConFIGLength)9)).Should().Throw<ArgumentOutOfRangeException>().WithMessage("*Projection*9*");
        using var config = new ConFIG([("0", 1)]);
        config.Invoking(c => c.Weigh(Gramians.Of(Jacobians.A))).Should().Throw<ArgumentException>().WithMessage("*'1'*");
    }

    private static void Same(double[] found, double[] expected, double tolerance, string because = "") =>
        found.Should().Equal(expected, (a, b) => Math.Abs(a - b) <= tolerance, because);
}
