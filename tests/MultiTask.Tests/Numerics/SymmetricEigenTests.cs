using FluentAssertions;
using MultiTask.Numerics;
using MultiTask.Tests.Fixtures;

namespace MultiTask.Tests.Numerics;

public sealed class SymmetricEigenTests
{
    [Fact]
    public void Vectors_are_orthonormal_and_make_up_the_matrix()
    {
        foreach (var sample in Gramians.Draw(1_000, seed: 300, most: 20))
        {
            var g = sample.Gramian;
            var eigen = SymmetricEigen.Of(Entries(g));
            eigen.Values.Should().BeInAscendingOrder();
            var largest = eigen.Values[^1];
            for (var i = 0; i < g.Count; i++)
            {
                for (var j = 0; j < g.Count; j++)
                {
                    Dense.Dot(eigen.Vectors[i], eigen.Vectors[j]).Should().BeApproximately(i == j ? 1 : 0, 1e-13, "{0}", sample);
                    var sum = Enumerable.Range(0, g.Count).Sum(k => eigen.Values[k] * eigen.Vectors[k][i] * eigen.Vectors[k][j]);
                    sum.Should().BeApproximately(g[i, j], 1e-13 * largest, "{0}", sample);
                }
            }
        }
    }

    [Fact]
    public void Two_by_two_by_hand()
    {
        var eigen = SymmetricEigen.Of(new double[,] { { 2, 1 }, { 1, 2 } });
        Same(eigen.Values, 1, 3);
        Same([.. eigen.Vectors[1].Select(Math.Abs)], Math.Sqrt(0.5), Math.Sqrt(0.5));
        Same(eigen.PseudoSolve([3, 3]), 1, 1);
    }

    [Fact]
    public void The_pseudo_inverse_is_the_one_of_Moore_and_Penrose()
    {
        // A = 11ᵀ: A⁺ = 11ᵀ / 4.
        var eigen = SymmetricEigen.Of(new double[,] { { 1, 1 }, { 1, 1 } });
        Same(eigen.PseudoSolve([3, 1]), 1, 1);
        Same(eigen.PseudoSolve([1, -1]), 0, 0);
        eigen.Significant(SymmetricEigen.RankTolerance).Should().ContainSingle();
    }

    [Fact]
    public void The_pseudo_inverse_solves_what_can_be_solved_and_is_as_short_as_can_be()
    {
        var random = new Random(301);
        for (var k = 0; k < 1_000; k++)
        {
            var (m, rank) = (2 + (k % 9), 1 + (k % 4));
            var g = Gramians.Of(Gramians.Normal(random, m, rank));
            var eigen = SymmetricEigen.Of(Entries(g));
            double[] z = [.. Gramians.Normal(random, 1, m)[0]];
            var x = eigen.PseudoSolve(g.Times(z));
            var residual = g.Times([.. x.Zip(z, (a, b) => a - b)]);
            residual.Max(Math.Abs).Should().BeLessThan(1e-9 * eigen.Values[^1], "#{0}", k);
            foreach (var null_vector in eigen.Vectors.Take(m - Math.Min(m, rank)))
            {
                Dense.Dot(null_vector, x).Should().BeApproximately(0, 1e-9, "#{0}", k);
            }
        }
    }

    [Theory]
    [InlineData(1e-30)]
    [InlineData(1)]
    [InlineData(1e30)]
    public void The_scale_does_not_change_the_rank(double scale)
    {
        var rows = Gramians.Normal(new Random(302), 5, 3);
        var g = Gramians.Of([.. rows.Select(row => Array.ConvertAll(row, v => v * Math.Sqrt(scale)))]);
        SymmetricEigen.Of(Entries(g)).Significant(SymmetricEigen.RankTolerance).Should().HaveCount(3);
    }

    [Fact]
    public void A_zero_matrix_has_the_rank_0()
    {
        var eigen = SymmetricEigen.Of(new double[3, 3]);
        eigen.Significant(0).Should().BeEmpty();
        eigen.PseudoSolve([1, 2, 3]).Should().Equal(0, 0, 0);
    }

    private static double[,] Entries(Gramian g)
    {
        var entries = new double[g.Count, g.Count];
        for (var i = 0; i < g.Count; i++)
        {
            for (var j = 0; j < g.Count; j++)
            {
                entries[i, j] = g[i, j];
            }
        }

        return entries;
    }

    private static void Same(double[] found, params double[] expected) =>
        found.Should().Equal(expected, (a, b) => Math.Abs(a - b) <= 1e-14);
}
