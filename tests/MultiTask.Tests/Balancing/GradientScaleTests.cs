using System.Globalization;
using FluentAssertions;
using MultiTask.Balancing;
using MultiTask.Tests.Contracts;
using MultiTask.Tests.Conventions;
using MultiTask.Tests.Fixtures;
using TorchSharp;
using static TorchSharp.torch;

namespace MultiTask.Tests.Balancing;

public sealed class GradientScaleTests : IDisposable
{
    private readonly DisposeScope scope = NewDisposeScope();

    public void Dispose() => scope.Dispose();

    [Theory]
    [InlineData(GradientScale.MeanNorm, 3)]
    [InlineData(GradientScale.SumNorm, 1)]
    public void The_gradient_has_the_direction_of_the_paper_and_the_length_asked_for(GradientScale scale, int divisor)
    {
        using var net = new SmallNet(3);
        var sum = Gradient(net, new EqualWeights());
        foreach (var (scaled, plain) in new (Balancer, Balancer)[]
        {
            (new MGDA { Scale = scale }, new MGDA()),
            (new MGDA { Scale = scale, WeightHeads = true }, new MGDA()),
            (new TrimmedMean { Scale = scale }, new TrimmedMean()),
            (new SDMGrad(Concrete.Names(3)) { Scale = scale }, new SDMGrad(Concrete.Names(3))),
            (new SmoothedWeights(Concrete.Names(3), new MGDA()) { Scale = scale }, new MGDA()),
        })
        {
            var (found, expected) = (Gradient(net, scaled), Gradient(net, plain));
            Norm(found).Should().BeApproximately(Norm(sum) / divisor, 1e-12);
            Gramians.Dot(found, expected).Should().BeApproximately(Norm(found) * Norm(expected), 1e-12);
        }
    }

    [Fact]
    public void Weights_tell_of_the_scale()
    {
        using var net = new SmallNet(3);
        using var method = new MGDA { Scale = GradientScale.SumNorm };
        method.Backward(net.Losses(), net.Shared);
        method.LastGramian!.NormOf(method.LastWeights!.Values).Should().BeApproximately(method.LastGramian.NormOf([1, 1, 1]), 1e-12);
    }

    /// <summary>The table "Length here" of docs/choosing-a-balancer.md, row by row.</summary>
    [Fact]
    public void Orthonormal_gradients_have_the_lengths_of_the_table()
    {
        Dictionary<string, GramianWeighting> methods = new()
        {
            ["sum (`EqualWeights`)"] = new SumGradient(),
            ["`MGDA`"] = new MGDA(),
            ["`CAGrad`, c = 0.5"] = new CAGrad(c: 0.5),
            ["`NashMTL`"] = new NashMTL(),
            ["`FairGrad`"] = new FairGrad(),
            ["`IMTLG`"] = new IMTLG(),
            ["`AlignedMTL`"] = new AlignedMTL(),
            ["`PCGrad`"] = new PCGrad(),
            ["`UPGrad`"] = new UPGrad(),
        };
        var rows = Markdown.Read("docs/choosing-a-balancer.md").Lines
            .SkipWhile(line => !line.StartsWith("| Method | Length here", StringComparison.Ordinal)).Skip(2)
            .TakeWhile(line => line.StartsWith('|'))
            .Select(line => line.Split('|', StringSplitOptions.TrimEntries))
            .ToDictionary(cells => cells[1], cells => double.Parse(cells[2], CultureInfo.InvariantCulture));
        rows.Keys.Should().BeEquivalentTo(methods.Keys);
        var orthonormal = Gramians.Of([[1, 0, 0], [0, 1, 0], [0, 0, 1]]);
        foreach (var (row, method) in methods)
        {
            orthonormal.NormOf(method.Weigh(orthonormal)).Should().BeApproximately(rows[row], 5e-4, row);
            method.Dispose();
        }
    }

    [Fact]
    public void The_factor_is_that_between_the_lengths()
    {
        GradientScale.Paper.Factor(0.577, 1.732, 3).Should().Be(1);
        GradientScale.MeanNorm.Factor(Math.Sqrt(3), Math.Sqrt(3), 3).Should().BeApproximately(1.0 / 3, 1e-15);
        GradientScale.SumNorm.Factor(1 / Math.Sqrt(3), Math.Sqrt(3), 3).Should().BeApproximately(3, 1e-14);
        GradientScale.SumNorm.Factor(0, 1, 3).Should().Be(0);
    }

    [Fact]
    public void Refuses_a_scale_that_is_none()
    {
        FluentActions.Invoking(() => new MGDA { Scale = (GradientScale)7 }).Should().Throw<ArgumentOutOfRangeException>().WithMessage("*`Scale`*Paper, MeanNorm, SumNorm*7*");
        FluentActions.Invoking(() => new MoDo(["a"]) { Scale = (GradientScale)7 }).Should().Throw<ArgumentOutOfRangeException>().WithMessage("*`Scale`*7*");
    }

    private static double[] Gradient(SmallNet net, Balancer balancer)
    {
        using (balancer)
        {
            net.ZeroGradients();
            balancer.Backward(net.Losses(), net.Shared);
            return [.. SmallNet.Gradients(net.Trunk.parameters()).SelectMany(g => g!)];
        }
    }

    private static double Norm(double[] v) => Math.Sqrt(Gramians.Dot(v, v));
}
