using System.Diagnostics;

namespace MultiTask.Benchmarks;

/// <summary>Times several actions in turns, so that what else the machine does falls on all of them alike.</summary>
internal static class Interleaved
{
    /// <summary>The time of each action in each round.</summary>
    /// <param name="actions">What to time.</param>
    /// <param name="rounds">How many rounds.</param>
    /// <param name="slice">How long an action runs in a round, in milliseconds.</param>
    /// <returns>Milliseconds: for each action, one number a round.</returns>
    public static double[][] Time(IReadOnlyList<Action> actions, int rounds, double slice)
    {
        var repeats = actions.Select(action => Repeats(action, slice)).ToArray();
        var times = actions.Select(_ => new double[rounds]).ToArray();
        for (var round = 0; round < rounds; round++)
        {
            for (var i = 0; i < actions.Count; i++)
            {
                times[i][round] = Run(actions[i], repeats[i]);
            }
        }

        return times;
    }

    /// <summary>The median, over rounds, of the ratio of two actions that were timed in turns.</summary>
    public static double Ratio(double[] times, double[] baseline) => Median(times.Zip(baseline, (a, b) => a / b));

    public static double Median(IEnumerable<double> values)
    {
        var sorted = values.Order().ToArray();
        return (sorted[(sorted.Length - 1) / 2] + sorted[sorted.Length / 2]) / 2;
    }

    private static int Repeats(Action action, double slice)
    {
        Run(action, 3); // compiles, and fills buffers
        return (int)Math.Clamp(slice / Run(action, 2), 1, 1000);
    }

    private static double Run(Action action, int repeats)
    {
        var start = Stopwatch.GetTimestamp();
        for (var i = 0; i < repeats; i++)
        {
            action();
        }

        return Stopwatch.GetElapsedTime(start).TotalMilliseconds / repeats;
    }
}
