using FluentAssertions;
using MultiTask.Numerics;

namespace MultiTask.Tests.Numerics;

public sealed class CholeskyTests
{
    [Fact]
    public void Solves_and_says_whether_the_matrix_was_definite()
    {
        var factor = new Cholesky(new double[,] { { 4, 2 }, { 2, 3 } });
        factor.IsDefinite.Should().BeTrue();
        factor.Solve([8, 8]).Should().Equal([1, 2], (a, b) => Math.Abs(a - b) < 1e-14);
        new Cholesky(new double[,] { { 1, 1 }, { 1, 1 } }).IsDefinite.Should().BeFalse();
        new Cholesky(new[,] { { 1, 1.001 }, { 1.001, 1 } }).IsDefinite.Should().BeFalse();
    }
}
