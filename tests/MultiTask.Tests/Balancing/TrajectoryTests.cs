using FluentAssertions;
using MultiTask.Balancing;
using MultiTask.Tests.Fixtures;
using Xunit.Abstractions;

namespace MultiTask.Tests.Balancing;

/// <summary>What the literature says of whole trajectories, on the quadratic problems that TorchJD draws.</summary>
public sealed class TrajectoryTests(ITestOutputHelper o)
{
    /// <summary>Methods of which no task gets worse in a small enough step.</summary>
    public static TheoryData<string> NonConflicting => [nameof(MGDA), nameof(PCGrad)];

    /// <summary>Methods that stop where the gradient of the mean loss is zero.</summary>
    public static TheoryData<string> OfTheMean => [nameof(EqualWeights)];

    [Fact]
    public void Fixed_weights_lead_along_the_Pareto_map()
    {
        foreach (var tasks in QuadraticTasks.All)
        {
            foreach (var w in new double[][] { [0.1, 0.9], [0.3, 0.7], [0.5, 0.5], [0.9, 0.1] })
            {
                using var method = new FixedWeights(PlainMethods.Named(w));
                Near(End(tasks, method.Plain(), tasks.Starts[0], 10_000), tasks.Best(w), 1e-6, $"{tasks}");
            }
        }
    }

    [Theory]
    [MemberData(nameof(NonConflicting))]
    public void Reaches_the_Pareto_set(string method)
    {
        foreach (var tasks in QuadraticTasks.All)
        {
            foreach (var start in tasks.Starts)
            {
                using var balancer = Create(method);
                using var mgda = new MGDA();
                var end = End(tasks, Plain(balancer), start, 10_000);
                var w = mgda.Weigh(Gramians.Of(tasks.Problem.Gradients(end)));
                o.WriteLine($"{tasks} {method} ({start[0]}, {start[1]}): {end[0]:0.0000} {end[1]:0.0000} best {string.Join(" ", tasks.Best(w))} w {w[0]:0.0000} {tasks.Problem.Stationarity(end)}");
            }
        }
    }

    [Theory]
    [MemberData(nameof(OfTheMean))]
    public void Reaches_the_best_mean(string method)
    {
        foreach (var tasks in QuadraticTasks.All)
        {
            foreach (var start in tasks.Starts)
            {
                using var balancer = Create(method);
                Near(End(tasks, Plain(balancer), start, 10_000), tasks.Best([0.5, 0.5]), 1e-4, $"{tasks}");
            }
        }
    }

    [Theory]
    [MemberData(nameof(NonConflicting))]
    public void Every_loss_falls_at_every_small_step(string method)
    {
        foreach (var tasks in QuadraticTasks.All)
        {
            foreach (var start in tasks.Starts)
            {
                using var balancer = Create(method);
                o.WriteLine($"{tasks} {method} ({start[0]}, {start[1]}): {Rises(tasks, Plain(balancer), start)}");
            }
        }
    }

    [Fact]
    public void Equal_weights_let_a_loss_rise()
    {
        using var method = new EqualWeights();
        Rises(QuadraticTasks.Homogeneous, method.Plain(), QuadraticTasks.Homogeneous.Starts[0]).Should().BeGreaterThan(1);
    }

    private static Balancer Create(string method) => method switch
    {
        nameof(MGDA) => new MGDA(),
        nameof(PCGrad) => new PCGrad(),
        nameof(EqualWeights) => new EqualWeights(),
        _ => throw new ArgumentException(method),
    };

    private static PlainMethod Plain(Balancer balancer) => balancer switch
    {
        GramianWeighting method => method.Plain(),
        LossWeighting method => method.Plain(),
        _ => throw new ArgumentException(balancer.GetName()),
    };

    /// <summary>The last point of steps that get shorter to 0, for methods whose direction does not.</summary>
    private static double[] End(QuadraticTasks tasks, PlainMethod method, double[] start, int steps)
    {
        var left = (double)steps;
        return tasks.Problem.Descend(method, start, steps, (x, d) =>
        {
            var rate = tasks.LearningRate * left-- / steps;
            return [.. x.Select((v, k) => v - (rate * d[k]))];
        }).Last();
    }

    /// <summary>The most that a loss rises in a step, of 1,000 small ones.</summary>
    private static double Rises(QuadraticTasks tasks, PlainMethod method, double[] start)
    {
        var losses = tasks.Problem.Descend(method, start, 1_000, tasks.LearningRate / 100).Select(tasks.Problem.Losses).ToArray();
        return losses.Zip(losses.Skip(1), (before, after) => before.Zip(after, (b, a) => a - b).Max()).Max();
    }

    private static void Near(double[] found, double[] expected, double tolerance, string because) =>
        found.Zip(expected, (a, b) => Math.Abs(a - b)).Max().Should().BeLessThan(tolerance, because);
}
