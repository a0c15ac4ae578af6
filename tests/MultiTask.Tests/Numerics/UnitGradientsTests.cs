using FluentAssertions;
using MultiTask.Numerics;
using MultiTask.Tests.Fixtures;

namespace MultiTask.Tests.Numerics;

public sealed class UnitGradientsTests
{
    [Fact]
    public void Zero_gradients_are_left_out()
    {
        var units = new UnitGradients(Gramians.Of([[3, 4], [0, 0], [0, 2]]));
        units.Rows.Should().Equal(0, 2);
        units.Norms.Should().Equal(5, 2);
        units.Cosines.Should().BeEquivalentTo(new[,] { { 1, 0.8 }, { 0.8, 1 } });
        units.ToWeights([1, 4], 10).Should().Equal(2, 0, 20);
    }

    [Fact]
    public void All_zero_gradients_leave_nothing()
    {
        var units = new UnitGradients(Gramians.Of([[0], [0]]));
        units.WithProjections([]).X.Should().BeEmpty();
        units.ToWeights([], 1).Should().Equal(0, 0);
    }

    [Fact]
    public void Any_projections_can_be_had_of_independent_gradients()
    {
        foreach (var sample in Gramians.Draw(2_000, seed: 310, most: 20).Independent())
        {
            var units = new UnitGradients(sample.Gramian);
            double[] b = [.. units.Rows.Select(i => 1.0 + (i % 3))];
            var (x, projections) = units.WithProjections(b);
            projections.Should().Equal(b, (p, q) => Math.Abs(p - q) < 1e-9 * x.Sum(Math.Abs), "{0}", sample);

            var direction = Laws.Direction(sample.Rows, units.ToWeights(x, 1));
            for (var i = 0; i < b.Length; i++)
            {
                (Gramians.Dot(sample.Rows[i], direction) / units.Norms[i]).Should().BeApproximately(b[i], 1e-9 * x.Sum(Math.Abs), "{0}", sample);
            }
        }
    }

    [Fact]
    public void Of_dependent_gradients_the_projections_are_the_nearest()
    {
        // u₃ = −u₁: projections (p, q, −p); the nearest to (1, 1, 1) are (0, 1, 0).
        var (x, projections) = new UnitGradients(Gramians.Of([[2, 0], [0, 3], [-5, 0]])).WithProjections([1, 1, 1]);
        projections.Should().Equal([0, 1, 0], (p, q) => Math.Abs(p - q) < 1e-14);
        x.Should().Equal([0, 1, 0], (p, q) => Math.Abs(p - q) < 1e-14);
    }
}
