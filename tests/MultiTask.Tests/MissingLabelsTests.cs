using FluentAssertions;
using MultiTask.Tests.Fixtures;
using TorchSharp;
using static TorchSharp.torch;

namespace MultiTask.Tests;

public sealed class MissingLabelsTests : IDisposable
{
    private readonly DisposeScope scope = NewDisposeScope();

    public void Dispose() => scope.Dispose();

    [Theory]
    [InlineData(ScalarType.Float64)]
    [InlineData(ScalarType.Float32)]
    [InlineData(ScalarType.Float16)]
    [InlineData(ScalarType.BFloat16)]
    public void NaN_is_a_missing_number_and_nothing_else_is(ScalarType dtype)
    {
        var target = tensor(new[] { 1, double.NaN, double.PositiveInfinity, -100, 0, double.NaN }).to(dtype);
        Expect(target, true, false, true, true, true, false);
    }

    [Theory]
    [InlineData(ScalarType.Int64)]
    [InlineData(ScalarType.Int32)]
    [InlineData(ScalarType.Int16)]
    [InlineData(ScalarType.Int8)]
    public void Minus_100_is_a_missing_class_and_nothing_else_is(ScalarType dtype) =>
        Expect(tensor(new long[] { 0, -100, 100, -1, 1, -100 }).to(dtype), true, false, true, true, true, false);

    [Fact]
    public void Bytes_and_booleans_cannot_be_missing()
    {
        // −100 in eight bits without a sign would be 156.
        Expect(tensor(new byte[] { 0, 156, 255 }), true, true, true);
        Expect(tensor(new[] { true, false }), true, true);
    }

    [Fact]
    public void Each_entry_is_a_label_of_its_own()
    {
        var target = tensor(new double[,] { { 1, double.NaN }, { double.NaN, double.NaN }, { 2, 3 } });
        MissingLabels.Present(target).shape.Should().Equal(3, 2);
        MissingLabels.Count(target).Should().Be(3);
        MissingLabels.Count(zeros(0, 4)).Should().Be(0);
    }

    [Fact]
    public void The_targets_stay_as_they_are()
    {
        var target = tensor(new[] { 1, double.NaN });
        MissingLabels.Present(target);
        target.Values().Should().Equal(1, double.NaN);
    }

    private static void Expect(Tensor target, params bool[] present)
    {
        MissingLabels.Present(target).data<bool>().ToArray().Should().Equal(present);
        MissingLabels.Count(target).Should().Be(present.Count(p => p));
    }
}
