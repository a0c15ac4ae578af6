using FluentAssertions;
using MultiTask.Tests.Fixtures;
using static TorchSharp.torch;

namespace MultiTask.Tests;

public sealed class GramianTests
{
    [Fact]
    public void Holds_the_inner_products_of_the_rows()
    {
        var g = Jacobians.Of(Jacobians.B).ToGramian();
        double[,] expected = { { 6, -1.5, -5.5 }, { -1.5, 11.25, -1.5 }, { -5.5, -1.5, 9.25 } };
        for (var i = 0; i < 3; i++)
        {
            g.Norm(i).Should().Be(Math.Sqrt(expected[i, i]));
            for (var j = 0; j < 3; j++)
            {
                g[i, j].Should().Be(expected[i, j]);
                g.Cosine(i, j).Should().BeApproximately(expected[i, j] / Math.Sqrt(expected[i, i] * expected[j, j]), 1e-15);
            }
        }

        g.Times([1, 2, 3]).Should().Equal(6 - 3 - 16.5, -1.5 + 22.5 - 4.5, -5.5 - 3 + 27.75);
        g.Tasks.Should().Equal("0", "1", "2");
        g.Losses.Values.Should().Equal(1, 2, 3);
    }

    [Theory]
    [InlineData(1e-20)]
    [InlineData(1e-30)]
    [InlineData(1e20)]
    [InlineData(1e30)]
    public void Squares_in_float32_leave_its_range_unharmed(double scale)
    {
        var g = Jacobians.Of(ScalarType.Float32, [3 * scale, 4 * scale], [4 * scale, -3 * scale], [1, 0]).ToGramian();
        (g[0, 0] / (scale * scale)).Should().BeApproximately(25, 1e-5);
        (g[0, 1] / (scale * scale)).Should().BeApproximately(0, 1e-5);
        (g[0, 2] / scale).Should().BeApproximately(3, 1e-6);
        g.Cosine(0, 2).Should().BeApproximately(0.6, 1e-6);
    }

    [Fact]
    public void What_is_left_of_float32_gradients_that_nearly_cancel_is_exact()
    {
        // ‖a − b‖² from the Gramian, where b differs from a by one unit in the last place of one entry.
        var a = Enumerable.Range(1, 1000).Select(i => (double)(float)Math.Sin(i)).ToArray();
        var b = a.ToArray();
        b[7] = MathF.BitIncrement((float)b[7]);
        var g = Jacobians.Of(ScalarType.Float32, a, b).ToGramian();
        var apart = g[0, 0] + g[1, 1] - (2 * g[0, 1]);
        apart.Should().BeApproximately(Math.Pow(b[7] - a[7], 2), 1e-12);
        g.Cosine(0, 1).Should().BeApproximately(1, 1e-14);
    }

    [Fact]
    public void Long_gradients_are_summed_slice_by_slice()
    {
        const int Entries = (1 << 18) + 12_345;
        var j = new Jacobian(stack([ones(Entries), full(Entries, 2f)]), [("a", 1), ("b", 1)]);
        var g = j.ToGramian();
        (g[0, 0], g[0, 1], g[1, 1]).Should().Be((Entries, 2.0 * Entries, 4.0 * Entries));
    }

    [Fact]
    public void A_gradient_that_is_not_finite_names_its_task()
    {
        var act = () => Jacobians.Of([1, 2], [double.NaN, 1]).ToGramian();
        act.Should().Throw<NonFiniteException>().WithMessage("Task '1': the gradient should be finite. Found NaN.");
        act = () => Jacobians.Of([1, double.NegativeInfinity], [1, 1]).ToGramian();
        act.Should().Throw<NonFiniteException>().WithMessage($"Task '0': the gradient should be finite. Found {double.NegativeInfinity}.");
        act = () => Jacobians.Of([1, 1e200], [1, 1]).ToGramian();
        act.Should().Throw<NonFiniteException>().WithMessage("Task '0': the squared norm*");
    }

    [Fact]
    public void The_cosine_with_a_zero_gradient_is_0_and_never_beyond_1()
    {
        var g = Gramians.Of([[0.1, 0.2, 0.3], [0, 0, 0], [0.1 * 3, 0.2 * 3, 0.3 * 3]]);
        g.Cosine(0, 1).Should().Be(0);
        g.Cosine(1, 1).Should().Be(0);
        g.Cosine(0, 2).Should().BeLessThanOrEqualTo(1).And.BeApproximately(1, 1e-15);
    }

    [Fact]
    public void Is_a_copy_of_what_it_was_made_from()
    {
        double[,] entries = { { 1, 0 }, { 0, 1 } };
        var g = new Gramian(entries);
        entries[0, 0] = 9;
        g[0, 0].Should().Be(1);
    }

    [Fact]
    public void Rounding_may_make_products_of_orthogonal_gradients_unlike()
    {
        var g = new Gramian(new[,] { { 1, 1e-17 }, { -1e-17, 1 } });
        g[0, 1].Should().Be(g[1, 0]);
    }

    [Fact]
    public void Refuses_what_is_no_Gramian()
    {
        Making(new double[0, 0]).Should().Throw<ArgumentException>().WithMessage("*not empty*0 × 0*");
        Making(new double[2, 3]).Should().Throw<ArgumentException>().WithMessage("*square*2 × 3*");
        Making(new double[,] { { 1, 2 }, { 0, 1 } }).Should().Throw<ArgumentException>().WithMessage("*symmetric*[0, 1] = 2, [1, 0] = 0*");
        Making(new double[,] { { -1 } }).Should().Throw<ArgumentException>().WithMessage("*diagonal*-1*");
        Making(new double[,] { { 1, double.NaN }, { double.NaN, 1 } }).Should().Throw<ArgumentException>().WithMessage("*finite*NaN*");
        FluentActions.Invoking(() => new Gramian(new double[,] { { 1 } }, [("a", 1), ("b", 1)])).Should().Throw<ArgumentException>().WithMessage("*2 tasks*");
        static Func<Gramian> Making(double[,] entries) => () => new(entries);
    }
}
