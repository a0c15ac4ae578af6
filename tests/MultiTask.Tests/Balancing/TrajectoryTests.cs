using FluentAssertions;
using MultiTask.Balancing;
using MultiTask.Tests.Fixtures;

namespace MultiTask.Tests.Balancing;

/// <summary>What the literature says of whole trajectories, on the quadratic tasks of which TorchJD draws them.</summary>
public sealed class TrajectoryTests
{
    /// <summary>Of two tasks none gets worse, to first order; with more, PCGrad loses that.</summary>
    private static readonly Dictionary<string, Func<PlainMethod>> WithoutConflict = new()
    {
        [nameof(MGDA)] = () => new MGDA().Plain(),
        [nameof(PCGrad)] = () => new PCGrad().Plain(),
        [nameof(UPGrad)] = () => new UPGrad().Plain(),
        [nameof(DualProj)] = () => new DualProj().Plain(),
        [nameof(NashMTL)] = () => new NashMTL().Plain(),
        [nameof(FairGrad)] = () => new FairGrad().Plain(),
        [nameof(IMTLG)] = () => new IMTLG().Plain(),
        [nameof(ConFIG)] = () => new ConFIG().Plain(),
    };

    /// <summary>Their step goes to 0 with the smallest gradient.</summary>
    private static readonly string[] StopWithTheFirst = [nameof(MGDA), nameof(IMTLG)];

    /// <summary>Where they stop, the gradient of the mean loss is zero.</summary>
    private static readonly Dictionary<string, Func<PlainMethod>> OfTheMean = new()
    {
        [nameof(EqualWeights)] = () => new EqualWeights().Plain(),
        [nameof(CAGrad)] = () => new CAGrad(c: 0.5).Plain(),
    };

    /// <summary>Their step is longest where the gradients are shortest: without an optimizer that shortens it they do not come to rest.</summary>
    private static readonly string[] Restless = [nameof(FairGrad)];

    /// <summary>Their direction may be at a right angle to a gradient.</summary>
    private static readonly string[] AtTheBorder = [nameof(DualProj)];

    public static TheoryData<string> ComingToRest => [.. WithoutConflict.Keys.Except(Restless)];

    public static TheoryData<string> Descending => [.. WithoutConflict.Keys.Except(AtTheBorder)];

    public static TheoryData<string> Averaging => [.. OfTheMean.Keys];

    [Fact]
    public void Fixed_weights_lead_along_the_Pareto_map()
    {
        foreach (var tasks in QuadraticTasks.All)
        {
            foreach (var w in new double[][] { [0.1, 0.9], [0.3, 0.7], [0.5, 0.5], [0.9, 0.1] })
            {
                using var method = new FixedWeights(PlainMethods.Named(w));
                Distance(End(tasks, method.Plain(), tasks.Starts[0]), tasks.Best(w)).Should().BeLessThan(1e-4, "{0}, {1}", tasks, w[0]);
            }
        }
    }

    [Theory]
    [MemberData(nameof(Averaging))]
    public void Reaches_the_best_mean(string method)
    {
        foreach (var (tasks, start) in Ways)
        {
            Distance(End(tasks, OfTheMean[method](), start), tasks.Best([0.5, 0.5])).Should().BeLessThan(1e-3, "{0} from {1}", tasks, start[0]);
        }
    }

    [Theory]
    [MemberData(nameof(ComingToRest))]
    public void Reaches_the_Pareto_set(string method)
    {
        using var mgda = new MGDA();
        foreach (var (tasks, start) in Ways.Where(way => way.Tasks.Name != QuadraticTasks.Elementwise.Name))
        {
            var end = End(tasks, WithoutConflict[method](), start);
            var w = mgda.Weigh(Gramians.Of(tasks.Problem.Gradients(end))); // of which the end is the best point, if it is in the set
            Distance(end, tasks.Best(w)).Should().BeLessThan(1e-3, "{0} from {1}", tasks, start[0]);
        }
    }

    /// <summary>On the elementwise tasks the Pareto set is one point, but no direction helps all once one of them is done.</summary>
    [Theory]
    [MemberData(nameof(ComingToRest))]
    public void Goes_on_when_one_task_is_done_or_stops_there(string method)
    {
        var tasks = QuadraticTasks.Elementwise;
        var end = End(tasks, WithoutConflict[method](), [-3.5, -0.75], 1_000); // in more, a square underflows, and the task is left out
        end[1].Should().BeApproximately(0, 1e-3);
        if (StopWithTheFirst.Contains(method))
        {
            end[0].Should().BeLessThan(-1);
        }
        else
        {
            end[0].Should().BeApproximately(0, 1e-3);
        }
    }

    [Theory]
    [MemberData(nameof(Descending))]
    public void No_loss_rises_at_a_small_step(string method)
    {
        foreach (var (tasks, start) in Ways)
        {
            Rise(tasks, WithoutConflict[method](), start).Should().BeLessThanOrEqualTo(0, "{0} from {1}", tasks, start[0]);
        }
    }

    /// <summary>At a right angle it is the curvature that raises a loss.</summary>
    [Fact]
    public void DualProj_may_let_a_loss_rise_by_the_square_of_the_step()
    {
        using var method = new DualProj();
        double RiseOfOneStep(double rate)
        {
            var (problem, start) = (QuadraticTasks.Convex.Problem, QuadraticTasks.Convex.Starts[0]);
            var (before, after) = (problem.Losses(start), problem.Losses(problem.Descend(method.Plain(), start, 1, rate).Last()));
            return before.Zip(after, (b, a) => a - b).Max();
        }

        RiseOfOneStep(1e-3).Should().BePositive();
        RiseOfOneStep(1e-3).Should().BeApproximately(100 * RiseOfOneStep(1e-4), 1e-3 * RiseOfOneStep(1e-3));
    }

    [Fact]
    public void Equal_weights_let_a_loss_rise()
    {
        using var method = new EqualWeights();
        Rise(QuadraticTasks.Homogeneous, method.Plain(), QuadraticTasks.Homogeneous.Starts[0]).Should().BeGreaterThan(0.1);
    }

    private static IEnumerable<(QuadraticTasks Tasks, double[] Start)> Ways =>
        QuadraticTasks.All.SelectMany(tasks => tasks.Starts.Select(start => (tasks, start)));

    /// <summary>The last point of steps that get shorter, to 0: there are methods whose direction does not.</summary>
    private static double[] End(QuadraticTasks tasks, PlainMethod method, double[] start, int steps = 3_000)
    {
        var left = (double)steps;
        return tasks.Problem.Descend(method, start, steps, (x, d) =>
        {
            var rate = 2 * tasks.LearningRate * left-- / steps;
            return [.. x.Select((v, k) => v - (rate * d[k]))];
        }).Last();
    }

    /// <summary>The most that a loss rises in one of 300 small steps, or fewer where the Pareto set is near.</summary>
    private static double Rise(QuadraticTasks tasks, PlainMethod method, double[] start)
    {
        var losses = tasks.Problem.Descend(method, start, 300, tasks.LearningRate / 30)
            .TakeWhile(x => tasks.Problem.Stationarity(x) > 0.05)
            .Select(tasks.Problem.Losses)
            .ToArray();
        return losses.Zip(losses.Skip(1), (before, after) => before.Zip(after, (b, a) => a - b).Max()).Max();
    }

    private static double Distance(double[] a, double[] b) => a.Zip(b, (x, y) => Math.Abs(x - y)).Max();
}
