using FluentAssertions;
using MultiTask.Diagnostics;
using TorchSharp;
using static TorchSharp.torch;

namespace MultiTask.Tests.Diagnostics;

public sealed class FiniteTests : IDisposable
{
    private readonly DisposeScope scope = NewDisposeScope();

    public void Dispose() => scope.Dispose();

    /// <summary>Wherever it stands: in a whole vector, or in what is left beside the last one.</summary>
    [Theory]
    [InlineData(ScalarType.Float32)]
    [InlineData(ScalarType.Float64)]
    [InlineData(ScalarType.BFloat16)]
    public void Finds_a_value_at_any_place(ScalarType dtype)
    {
        foreach (var length in new[] { 1, 3, 8, 13, 64 })
        {
            var values = randn(length).to(dtype);
            Finite.Offender([values]).Should().BeNull();
            MissingLabels.Any(values).Should().BeFalse();
            for (var i = 0; i < length; i++)
            {
                foreach (var bad in new[] { double.NaN, double.PositiveInfinity, double.NegativeInfinity })
                {
                    var spoiled = values.clone();
                    spoiled[i] = bad;
                    (Finite.Offender([values, spoiled]) is { } found && !double.IsFinite(found)).Should().BeTrue();
                    MissingLabels.Any(spoiled).Should().Be(double.IsNaN(bad));
                    MissingLabels.Count(spoiled).Should().Be(double.IsNaN(bad) ? length - 1 : length);
                }
            }
        }
    }

    [Fact]
    public void Takes_tensors_of_every_layout()
    {
        var matrix = randn(5, 7);
        matrix[2, 3] = double.NaN;
        Finite.Offender([matrix.t()]).Should().Be(double.NaN);
        Finite.Offender([matrix.narrow(1, 4, 3)]).Should().BeNull();
        MissingLabels.Any(matrix.t()).Should().BeTrue();
        MissingLabels.Any(matrix.narrow(1, 4, 3)).Should().BeFalse();
        Finite.Offender([empty(0)]).Should().BeNull();
        Finite.Offender([]).Should().BeNull();
    }

    [Fact]
    public void Large_numbers_are_finite()
    {
        Finite.Offender([full(100, float.MaxValue)]).Should().BeNull();
        Finite.Offender([full(100, double.MaxValue, ScalarType.Float64)]).Should().BeNull();
        Finite.Offender([full([100, 2], 60000f, ScalarType.Float16).t()]).Should().BeNull();
        var matrix = full([3, 2], 1e200, ScalarType.Float64);
        Finite.Offender([matrix.t()]).Should().BeNull(); // its norm is not
        matrix[1, 1] = double.NegativeInfinity;
        Finite.Offender([matrix.t()]).Should().Be(double.NegativeInfinity);
    }

    [Theory]
    [InlineData(ScalarType.Int64)]
    [InlineData(ScalarType.Int32)]
    [InlineData(ScalarType.Int8)]
    public void Finds_a_missing_class_at_any_place(ScalarType dtype)
    {
        for (var i = 0; i < 11; i++)
        {
            var classes = arange(11).to(dtype);
            MissingLabels.Any(classes).Should().BeFalse();
            classes[i] = -1;
            MissingLabels.Any(classes).Should().BeFalse();
            classes[i] = -100;
            MissingLabels.Any(classes).Should().BeTrue();
            MissingLabels.Count(classes).Should().Be(10);
        }
    }
}
