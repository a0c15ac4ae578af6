using MultiTask.Diagnostics;
using MultiTask.Training;

namespace MultiTask.Tests.Fixtures;

/// <summary>Records of steps for the logs to write.</summary>
internal static class Records
{
    /// <summary>Three steps of two tasks: in conflict, skipped, and with one task alone.</summary>
    public static StepRecord[] Of(string first = "age", string second = "income") =>
    [
        new([first, second], 0, 1)
        {
            Losses = [(first, 0.1), (second, 1234.5)],
            Weights = [(first, 1.0 / 3), (second, -2)],
            Conflicts = new(new Gramian(new double[,] { { 18, -22 }, { -22, 38 } }, [(first, 0.1), (second, 1234.5)])),
        },
        new([first, second], 0, 2) { Skipped = true, Fault = "Task 'age': the loss should be finite. Found \"NaN\", really." },
        new([first, second], 1, 2)
        {
            Losses = [(second, 1e-300)],
            Weights = [(second, 1)],
            Conflicts = new(new Gramian(new double[,] { { 0 } }, [(second, 1e-300)])),
        },
    ];
}
