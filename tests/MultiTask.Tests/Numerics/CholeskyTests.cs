using FluentAssertions;
using MultiTask.Numerics;
using MultiTask.Tests.Fixtures;

namespace MultiTask.Tests.Numerics;

public sealed class CholeskyTests
{
    [Fact]
    public void Solves_what_is_multiplied_out()
    {
        var random = new Random(90);
        for (var n = 1; n <= 20; n++)
        {
            var a = Definite(random, n);
            double[] x = [.. Enumerable.Range(0, n).Select(_ => Gramians.Gaussian(random))];
            double[] b = [.. Enumerable.Range(0, n).Select(i => Enumerable.Range(0, n).Sum(j => a[i, j] * x[j]))];
            new Cholesky(a).Solve(b).Should().Equal(x, (found, expected) => Math.Abs(found - expected) < 1e-9, "n = {0}", n);
        }
    }

    [Fact]
    public void Rows_that_were_cut_off_and_replaced_leave_no_trace()
    {
        var random = new Random(91);
        var (a, other) = (Definite(random, 6), Definite(random, 6));
        var factor = new Cholesky(capacity: 6);
        for (var i = 0; i < 6; i++)
        {
            var source = i < 3 ? a : other;
            factor.Append([.. Enumerable.Range(0, 6).Select(j => source[i, j])]);
        }

        factor.Truncate(3);
        factor.Truncate(5);
        factor.Count.Should().Be(3);
        for (var i = 3; i < 6; i++)
        {
            factor.Append([.. Enumerable.Range(0, 6).Select(j => a[i, j])]);
        }

        factor.Solve([1, 2, 3, 4, 5, 6]).Should().Equal(new Cholesky(a).Solve([1, 2, 3, 4, 5, 6]));
    }

    [Fact]
    public void What_rounding_made_singular_is_solved_without_NaN()
    {
        var x = new Cholesky(new double[,] { { 1, 1 }, { 1, 1 } }).Solve([1, 1]);
        (x[0] + x[1]).Should().BeApproximately(1, 1e-7);
    }

    [Fact]
    public void Says_whether_the_matrix_was_definite()
    {
        new Cholesky(new double[,] { { 4, 2 }, { 2, 3 } }).IsDefinite.Should().BeTrue();
        new Cholesky(new double[,] { { 1, 1 }, { 1, 1 } }).IsDefinite.Should().BeFalse();
        var factor = new Cholesky(new[,] { { 1, 1.001, 0 }, { 1.001, 1, 0 }, { 0, 0, 1 } });
        factor.IsDefinite.Should().BeFalse();
        factor.Truncate(1);
        factor.IsDefinite.Should().BeTrue();
        factor.Append([0.5, 1]);
        factor.IsDefinite.Should().BeTrue();
    }

    private static double[,] Definite(Random random, int n)
    {
        var g = Gramians.Of(Gramians.Normal(random, n, 2 * n));
        var a = new double[n, n];
        for (var i = 0; i < n; i++)
        {
            for (var j = 0; j < n; j++)
            {
                a[i, j] = g[i, j];
            }
        }

        return a;
    }
}
