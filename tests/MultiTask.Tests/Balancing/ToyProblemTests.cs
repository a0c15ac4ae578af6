using FluentAssertions;
using MultiTask.Balancing;
using MultiTask.Tests.Fixtures;
using Xunit.Abstractions;
using static TorchSharp.torch;

namespace MultiTask.Tests.Balancing;

public sealed class ToyProblemTests(ITestOutputHelper o)
{
    [Fact]
    public void Probe()
    {
        foreach (var (lr, steps) in new[] { (1e-3, 50_000), (5e-3, 10_000), (1e-2, 5_000) })
        {
            foreach (var scale in new[] { 1.0, 0.1 })
            {
                foreach (var method in new (string, Func<PlainMethod>)[] { ("EW", () => new EqualWeights().Plain()), ("MGDA", () => new MGDA().Plain()), ("PCGrad", () => new PCGrad().Plain()) })
                {
                    var watch = System.Diagnostics.Stopwatch.StartNew();
                    var text = $"{lr} {scale} {method.Item1}: ";
                    foreach (var start in PlainToy.Starts)
                    {
                        var p = PlainToy.Of(scale);
                        var end = p.Descend(method.Item2(), start, steps, new PlainAdam(lr).Step).Last();
                        text += $"({end[0]:0.00},{end[1]:0.00}; {p.Stationarity(end):0.0000}) ";
                    }

                    o.WriteLine($"{text} {watch.Elapsed.TotalSeconds:0.00}");
                }
            }
        }
    }

    [Fact]
    public void The_gradients_are_those_of_autograd()
    {
        var random = new Random(1);
        for (var k = 0; k < 200; k++)
        {
            using var scope = NewDisposeScope();
            double[] point = [(random.NextDouble() * 24) - 12, (random.NextDouble() * 24) - 12];
            var problem = PlainToy.Of(0.1);
            var x = tensor(point, dtype: ScalarType.Float64).requires_grad_();
            var losses = ToyProblem.Toy.Losses(x, 0.1);
            for (var i = 0; i < 2; i++)
            {
                x.grad = null;
                losses.Values[i].backward(retain_graph: true);
                losses.Values[i].item<double>().Should().BeApproximately(problem.Losses(point)[i], 1e-12);
                Same(x.grad!.Values(), problem.Gradients(point)[i], 1e-10);
            }
        }
    }

    private static void Same(double[] found, double[] expected, double tolerance) =>
        found.Should().Equal(expected, (a, b) => Math.Abs(a - b) <= tolerance);
}
