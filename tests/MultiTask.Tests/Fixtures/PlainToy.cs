namespace MultiTask.Tests.Fixtures;

/// <summary>
/// The two-task problem of the CAGrad paper (Liu et al., NeurIPS 2021, appendix), which Nash-MTL, FAMO and FairGrad draw as
/// well, with its gradients. Beyond a valley in x₂ > 0, where the gradients conflict and differ in length, lies the
/// Pareto set: x₁ in [-7, 7], x₂ about -8.36.
/// </summary>
internal static class PlainToy
{
    /// <summary>The starts of the Nash-MTL and FAMO papers.</summary>
    public static double[][] Starts => [[-8.5, 7.5], [0, 0], [9, 9], [-7.5, -0.5], [9, -1]];

    /// <summary>The problem, the first task's loss times a factor.</summary>
    public static PlainProblem Of(double scale) => new(x => Losses(x, scale), x => Gradients(x, scale));

    private static double[] Losses(double[] x, double scale)
    {
        var (valley1, valley2, bowl1, bowl2) = (Valley(Inside1(x)), Valley(Inside2(x)), Bowl(x, 7), Bowl(x, -7));
        var (up, down) = Sides(x);
        return [((valley1 * up) + (bowl1 * down)) * scale, (valley2 * up) + (bowl2 * down)];
    }

    private static double[][] Gradients(double[] x, double scale)
    {
        var first = Gradient(x, Inside1(x), slope: 1, center: 7);
        var second = Gradient(x, Inside2(x), slope: -1, center: -7);
        return [[first[0] * scale, first[1] * scale], second];
    }

    /// <summary>One task's: f c₁ + s c₂, by x₁ and x₂.</summary>
    /// <param name="x">The point.</param>
    /// <param name="inside">What stands in the logarithm, before the absolute value.</param>
    /// <param name="slope">Its derivative by tanh(x₂); by x₁ it is -1/2.</param>
    /// <param name="center">The bowl's.</param>
    private static double[] Gradient(double[] x, double inside, double slope, double center)
    {
        var (up, down) = Sides(x);
        var half = Math.Tanh(0.5 * x[1]);
        var side = 0.5 * (1 - (half * half));
        var outer = Math.Abs(inside) < Lower ? 0 : 1 / inside; // d log|u| / du
        var bend = 1 - Math.Pow(Math.Tanh(x[1]), 2);
        var (upSlope, downSlope) = (half >= 0 ? side : 0, half <= 0 ? -side : 0); // both at 0, as torch.clamp has it
        return
        [
            (outer * -0.5 * up) + ((x[0] - center) / 5 * down),
            (outer * slope * bend * up) + (Valley(inside) * upSlope) + (0.02 * (x[1] + 8) * down) + (Bowl(x, center) * downSlope),
        ];
    }

    private const double Lower = 5e-6;

    private static double Inside1(double[] x) => (0.5 * (-x[0] - 7)) + Math.Tanh(x[1]);

    private static double Inside2(double[] x) => (0.5 * (-x[0] + 3)) - Math.Tanh(x[1]) + 2;

    private static double Valley(double inside) => Math.Log(Math.Max(Math.Abs(inside), Lower)) + 6;

    private static double Bowl(double[] x, double center) => ((Math.Pow(x[0] - center, 2) + (0.1 * Math.Pow(x[1] + 8, 2))) / 10) - 20;

    /// <summary>c₁ and c₂: which of the two landscapes counts, that of x₂ > 0 or that of x₂ &lt; 0.</summary>
    private static (double Up, double Down) Sides(double[] x)
    {
        var half = Math.Tanh(0.5 * x[1]);
        return (Math.Max(half, 0), Math.Max(-half, 0));
    }
}
