using FluentAssertions;
using MultiTask.Numerics;
using MultiTask.Tests.Fixtures;
using TorchSharp;
using static TorchSharp.torch;

namespace MultiTask.Tests.Numerics;

public sealed class ProximalSumTests : IDisposable
{
    private readonly DisposeScope scope = NewDisposeScope();

    public void Dispose() => scope.Dispose();

    [Fact]
    public void Equal_terms_are_one_term_of_their_sum()
    {
        using var generator = new Generator(1);
        var r = randn([20], ScalarType.Float64, generator: generator);
        foreach (var count in new[] { 1, 2, 5 })
        {
            var solution = ProximalSum.Solve(r, [.. Enumerable.Range(0, count).Select(_ => Absolute(0.9 / count))]);
            solution.Exit.Should().Be(SolverExit.Optimal);
            (solution.Point - Absolute(0.9).Prox(r)).norm().item<double>().Should().BeLessThan(1e-6 * r.norm().item<double>());
        }
    }

    [Fact]
    public void Absolute_values_and_lengths_together_have_a_closed_form()
    {
        // Of the sparse group lasso: first the entries, then the length.
        using var generator = new Generator(2);
        for (var i = 0; i < 30; i++)
        {
            var r = randn([6], ScalarType.Float64, generator: generator) * (i + 1);
            var solution = ProximalSum.Solve(r, [Length(1.3), Absolute(0.6)]);
            solution.Exit.Should().Be(SolverExit.Optimal);
            (solution.Point - Length(1.3).Prox(Absolute(0.6).Prox(r))).norm().item<double>().Should().BeLessThan(1e-6 * r.norm().item<double>());
        }
    }

    [Theory]
    [InlineData(0.01)]
    [InlineData(0.5)]
    [InlineData(3)]
    [InlineData(100)]
    public void Trace_norms_of_all_flattenings_are_solved_within_the_limit(double strength)
    {
        using var generator = new Generator(3);
        foreach (var rank in new[] { 1, 3 })
        {
            var r = randn([4, rank], ScalarType.Float64, generator: generator).matmul(randn([rank, 30], ScalarType.Float64, generator: generator)).reshape(4, 6, 5);
            var terms = MultiTask.Sharing.Flattening.All(3).Select(f => new ProximalTerm(
                z => f.Fold(GramSvd.Of(f.Unfold(z)).Shrunk(strength), z),
                z => strength * GramSvd.Of(f.Unfold(z)).TraceNorm())).ToArray();
            ProximalSum.Solve(r, terms).Exit.Should().Be(SolverExit.Optimal);
        }
    }

    [Fact]
    public void Zero_is_its_own_solution()
    {
        var solution = ProximalSum.Solve(zeros(3, dtype: ScalarType.Float64), [Absolute(1), Length(1)]);
        solution.Exit.Should().Be(SolverExit.Optimal);
        solution.Point.Values().Should().OnlyContain(v => v == 0);
    }

    private static ProximalTerm Absolute(double strength) => new(z => z.sign() * (z.abs() - strength).clamp_min(0), z => strength * z.abs().sum().item<double>());

    private static ProximalTerm Length(double strength) => new(
        z => z.norm().item<double>() is var length && length > strength ? z * (1 - (strength / length)) : zeros_like(z),
        z => strength * z.norm().item<double>());
}
