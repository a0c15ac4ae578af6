namespace MultiTask.Tests.Fixtures;

/// <summary>
/// The two-task problem of the CAGrad paper (Liu et al., NeurIPS 2021), which Nash-MTL, FAMO and FairGrad draw as well, with its
/// gradients. Beyond valleys in x₂ > 0, where the gradients conflict and differ in length, lies the Pareto set: x₁ in
/// [-7, 7], x₂ about -8.36. The tasks are mirror images, so that a sign, 1 or -1, tells them apart.
/// </summary>
internal static class PlainToy
{
    private const double Lower = 5e-6;

    /// <summary>The starts of the Nash-MTL and FAMO papers.</summary>
    public static double[][] Starts => [[-8.5, 7.5], [0, 0], [9, 9], [-7.5, -0.5], [9, -1]];

    /// <summary>The starts of the CAGrad paper.</summary>
    public static double[][] StartsOfCAGrad => [[-8.5, 7.5], [-8.5, -5], [9, 9]];

    /// <summary>The problem, the first task's loss times a factor.</summary>
    public static PlainProblem Of(double scale) => new(
        x => [scale * Loss(x, 1), Loss(x, -1)],
        x => [Array.ConvertAll(Gradient(x, 1), v => scale * v), Gradient(x, -1)]);

    private static double Loss(double[] x, int task)
    {
        var half = Math.Tanh(0.5 * x[1]);
        return (Valley(Inside(x, task)) * Math.Max(half, 0)) + (Bowl(x, task) * Math.Max(-half, 0));
    }

    private static double[] Gradient(double[] x, int task)
    {
        var half = Math.Tanh(0.5 * x[1]);
        var (up, down) = (Math.Max(half, 0), Math.Max(-half, 0));
        var slope = 0.5 * (1 - (half * half));
        var (upSlope, downSlope) = (half >= 0 ? slope : 0, half <= 0 ? -slope : 0); // both at 0, as torch.clamp has it
        var inside = Inside(x, task);
        var outer = Math.Abs(inside) < Lower ? 0 : 1 / inside;
        var bend = Math.Tanh(x[1]);
        return
        [
            (-0.5 * outer * up) + ((x[0] - (7 * task)) / 5 * down),
            (task * (1 - (bend * bend)) * outer * up) + (Valley(inside) * upSlope)
                + ((x[1] + 8) / 50 * down) + (Bowl(x, task) * downSlope),
        ];
    }

    private static double Inside(double[] x, int task) => (task * Math.Tanh(x[1])) - (0.5 * (x[0] + (7 * task)));

    private static double Valley(double inside) => Math.Log(Math.Max(Math.Abs(inside), Lower)) + 6;

    private static double Bowl(double[] x, int task)
    {
        var (across, along) = (x[0] - (7 * task), x[1] + 8);
        return (((across * across) + (0.1 * along * along)) / 10) - 20;
    }
}
