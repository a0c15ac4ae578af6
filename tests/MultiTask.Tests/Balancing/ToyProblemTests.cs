using FluentAssertions;
using MultiTask.Balancing;
using MultiTask.Tests.Fixtures;
using static TorchSharp.torch;

namespace MultiTask.Tests.Balancing;

/// <summary>
/// What is known of the two-task toy problem, where it does not hang on the last digits: where on the front a method ends
/// often does. Adam with a learning rate of 0.001, as in the papers.
/// </summary>
public sealed class ToyProblemTests
{
    private const double BestMean = -15.0916;

    private static readonly Dictionary<string, Func<PlainMethod>> ReachTheFront = new()
    {
        [nameof(MGDA)] = () => new MGDA().Plain(),
        [nameof(NashMTL)] = () => new NashMTL().Plain(),
        [nameof(FairGrad)] = () => new FairGrad().Plain(),
    };

    [Fact]
    public void The_gradients_are_those_of_autograd()
    {
        var random = new Random(1);
        double[][] points = [[0, 0], [7, -8.4345], [-9, 0], .. Enumerable.Range(0, 200).Select(_ => Point(random))];
        foreach (var point in points)
        {
            using var scope = NewDisposeScope();
            var problem = PlainToy.Of(0.1);
            var x = tensor(point, dtype: ScalarType.Float64).requires_grad_();
            var losses = ToyProblem.Toy.Losses(x, 0.1);
            losses.Values.Select(l => l.item<double>()).Should().Equal(problem.Losses(point), (a, b) => Math.Abs(a - b) <= 1e-12 * Math.Abs(b));
            for (var i = 0; i < 2; i++)
            {
                x.grad = null;
                losses.Values[i].backward(retain_graph: true);
                x.grad!.Values().Should().Equal(problem.Gradients(point)[i], (a, b) => Math.Abs(a - b) <= 1e-10 * (1 + Math.Abs(b)));
            }
        }
    }

    [Fact]
    public void Known_values_and_points_of_the_front()
    {
        var problem = PlainToy.Of(1);
        Same(problem.Losses([0, -8.3551]), [BestMean, BestMean], 1e-4);
        Same(problem.Losses([7, -8.4345]), [-19.9894, -0.3979], 1e-4);
        double[][] front = [[0, -8.3551], [3.5, -8.376], [-3.5, -8.376], [7, -8.4345]];
        front.Should().OnlyContain(x => problem.Stationarity(x) < 1e-4);
        problem.Stationarity([5, 4]).Should().BeGreaterThan(0.1);
    }

    [Theory]
    [InlineData(0, -8.3551)]
    [InlineData(-7.5, -0.5)]
    [InlineData(9, -1)]
    public void Equal_weights_reach_the_best_mean_from_below(double x1, double x2)
    {
        using var method = new EqualWeights();
        Mean(End(1, method.Plain(), [x1, x2], 50_000)).Should().BeApproximately(BestMean, 1e-3);
    }

    [Theory]
    [InlineData(1, -8.5, 7.5)]
    [InlineData(1, 9, 9)]
    [InlineData(0.1, 9, 9)]
    public void Equal_weights_get_stuck_in_the_valley(double scale, double x1, double x2)
    {
        using var method = new EqualWeights();
        End(scale, method.Plain(), [x1, x2], 50_000)[1].Should().BeGreaterThan(2);
    }

    public static TheoryData<string> OfTheFront => [.. ReachTheFront.Keys];

    [Theory]
    [MemberData(nameof(OfTheFront))]
    public void Reaches_the_front_from_every_start(string method)
    {
        foreach (var start in PlainToy.Starts)
        {
            Walk(0.1, ReachTheFront[method](), start, 50_000).Any(x => OnTheFront(0.1, x)).Should().BeTrue("{0} from {1}", method, start[0]);
        }
    }

    [Fact]
    public void CAGrad_reaches_the_best_mean()
    {
        using var method = new CAGrad(c: 0.5);
        foreach (var start in PlainToy.StartsOfCAGrad)
        {
            Walk(1, method.Plain(), start, 100_000).Any(x => Mean(x) < BestMean + 0.01).Should().BeTrue("from {0}", start[0]);
        }
    }

    [Fact]
    public void Aligned_gradients_reach_the_best_mean()
    {
        using var method = new AlignedMTL();
        foreach (var start in PlainToy.StartsOfCAGrad[1..])
        {
            Walk(1, method.Plain(), start, 50_000).Any(x => Mean(x) < BestMean + 0.01).Should().BeTrue("from {0}", start[0]);
        }
    }

    /// <summary>In a fifth of the steps, five times as long: what it remembers makes this the slowest method here.</summary>
    [Fact]
    public void FAMO_reaches_the_middle_of_the_front_where_equal_weights_go_aside_or_get_stuck()
    {
        double[][] starts = [[-8.5, 7.5], [9, 9], [-7.5, -0.5]];
        foreach (var start in starts)
        {
            using var famo = new FAMO(["0", "1"], bounds: [("0", -2.1), ("1", -21)], gamma: 0, amortized: true);
            var end = PlainToy.Of(0.1).Descend((losses, _) => Looked(famo, losses), start, 10_000, new PlainAdam(5e-3).Step).Last();
            Math.Abs(end[0]).Should().BeLessThan(2);
            end[1].Should().BeApproximately(-8.36, 0.2);
        }

        static double[] Looked(FAMO famo, double[] losses)
        {
            var weights = famo.Weigh(PlainMethods.Named(losses)); // which looks back at the last step first
            famo.EndStep(() => throw new InvalidOperationException("amortized"));
            return weights;
        }
    }

    /// <summary>x₁ between the two bowls, x₂ in the trough, and no direction in which both losses fall.</summary>
    private static bool OnTheFront(double scale, double[] x) =>
        Math.Abs(x[0]) < 7.01 && Math.Abs(x[1] + 8.36) < 0.1 && PlainToy.Of(scale).Stationarity(x) < 1e-3;

    private static double[] Point(Random random) => [(24 * random.NextDouble()) - 12, (24 * random.NextDouble()) - 12];

    private static double[] End(double scale, PlainMethod method, double[] start, int steps) => Walk(scale, method, start, steps).Last();

    private static IEnumerable<double[]> Walk(double scale, PlainMethod method, double[] start, int steps) =>
        PlainToy.Of(scale).Descend(method, start, steps, new PlainAdam(1e-3).Step);

    private static double Mean(double[] x) => PlainToy.Of(1).Losses(x).Average();

    private static void Same(double[] found, double[] expected, double tolerance) =>
        found.Should().Equal(expected, (a, b) => Math.Abs(a - b) <= tolerance);
}
