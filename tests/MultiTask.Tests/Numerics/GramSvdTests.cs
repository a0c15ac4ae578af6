using FluentAssertions;
using MultiTask.Numerics;
using MultiTask.Tests.Fixtures;
using TorchSharp;
using static TorchSharp.torch;

namespace MultiTask.Tests.Numerics;

public sealed class GramSvdTests : IDisposable
{
    private readonly DisposeScope scope = NewDisposeScope();

    public void Dispose() => scope.Dispose();

    [Theory]
    [InlineData(3, 7)]
    [InlineData(7, 3)]
    [InlineData(4, 4)]
    [InlineData(1, 5)]
    public void Agrees_with_the_decomposition_of_lapack(long rows, long columns)
    {
        using var generator = new Generator(1);
        for (var i = 0; i < 50; i++)
        {
            var x = randn([rows, columns], ScalarType.Float64, generator: generator);
            var (u, s, vt) = linalg.svd(x, fullMatrices: false);
            var svd = GramSvd.Of(x);
            svd.TraceNorm().Should().BeApproximately(s.sum().item<double>(), 1e-12 * s.sum().item<double>());
            Close(svd.Orthogonal(), u.matmul(vt), 1e-8);
            Close(svd.Shrunk(0.5), u.matmul(((s - 0.5).clamp_min(0)).diag()).matmul(vt), 1e-8);
        }
    }

    [Theory]
    [InlineData(1e-2)]
    [InlineData(1e-5)]
    public void Small_singular_values_are_known_to_more_than_their_squares_are(double ratio)
    {
        using var generator = new Generator(2);
        var (u, _, vt) = linalg.svd(randn([3, 6], ScalarType.Float64, generator: generator), fullMatrices: false);
        var x = u.matmul(tensor(new[] { 1, 0.5, ratio }).diag()).matmul(vt);
        GramSvd.Of(x).TraceNorm().Should().BeApproximately(1.5 + ratio, 1e-14 + (1e-9 * ratio));
        Close(GramSvd.Of(x).Orthogonal(), u.matmul(vt), 1e-14 / ratio);
    }

    [Theory]
    [InlineData(1)]
    [InlineData(1e-300)]
    [InlineData(1e300)]
    public void Rank_deficient_matrices_have_the_gradient_of_least_length(double scale)
    {
        // Rank two, with equal singular values.
        var x = tensor(new double[,] { { 3, 0, 0, 0 }, { 0, 0, 3, 0 }, { 0, 0, 0, 0 } }) * scale;
        Close(GramSvd.Of(x).Orthogonal(), x / (3 * scale), 1e-14);
        (GramSvd.Of(x).TraceNorm() / scale).Should().BeApproximately(6, 1e-13);
        Close(GramSvd.Of(x).Shrunk(scale) / scale, x / scale * (2.0 / 3), 1e-14);
    }

    [Fact]
    public void Zero_stays_zero_and_what_is_not_finite_does_not_become_so()
    {
        GramSvd.Of(zeros(2, 3)).Orthogonal().Values().Should().OnlyContain(v => v == 0);
        GramSvd.Of(zeros(2, 3)).TraceNorm().Should().Be(0);
        GramSvd.Of(zeros(2, 0)).TraceNorm().Should().Be(0);
        foreach (var bad in new[] { double.NaN, double.PositiveInfinity })
        {
            var x = tensor(new[,] { { 1, bad }, { 2, 3 } });
            GramSvd.Of(x).Shrunk(1).Values().Should().NotContain(v => double.IsFinite(v));
            double.IsFinite(GramSvd.Of(x).TraceNorm()).Should().BeFalse();
        }
    }

    private static void Close(Tensor x, Tensor y, double by)
    {
        x.shape.Should().Equal(y.shape);
        (x - y).abs().max().item<double>().Should().BeLessThanOrEqualTo(by);
    }
}
