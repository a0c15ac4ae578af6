using MultiTask;
using static TorchSharp.torch;

namespace ToyProblem;

/// <summary>
/// The two-task problem of the CAGrad paper (Liu et al., NeurIPS 2021), which the Nash-MTL, FAMO and FairGrad papers draw
/// as well. In the upper half of the plane two narrow valleys, in the lower half two bowls, one of each for each task.
/// </summary>
internal static class Toy
{
    /// <summary>The starts of the Nash-MTL and FAMO papers.</summary>
    public static readonly (double X1, double X2)[] Starts = [(-8.5, 7.5), (0, 0), (9, 9), (-7.5, -0.5), (9, -1)];

    /// <summary>Where the Pareto set is: x₁ in [-7, 7], and x₂ this, to 0.1.</summary>
    public const double ParetoX2 = -8.36;

    /// <summary>What the second loss never goes below, and the first times its scale.</summary>
    public const double Bound = -21;

    /// <summary>The losses at one point or at many.</summary>
    /// <param name="x">Points, <c>[..., 2]</c>.</param>
    /// <param name="scale">A factor of the first task's loss: 1 in the CAGrad paper, 0.1 in the others.</param>
    /// <returns>Both losses, <c>[...]</c>.</returns>
    public static TaskMap<Tensor> Losses(Tensor x, double scale)
    {
        var side = tensor([1.0, -1.0], dtype: x.dtype); // the tasks are mirror images
        var (x1, x2) = (x.narrow(-1, 0, 1), x.narrow(-1, 1, 1));
        var valley = ((side * x2.tanh()) - ((x1 + (7 * side)) / 2)).abs().clamp_min(5e-6).log() + 6;
        var bowl = (((x1 - (7 * side)).square() + ((x2 + 8).square() / 10)) / 10) - 20;
        var slope = (x2 / 2).tanh();
        var losses = (valley * slope.clamp_min(0)) - (bowl * slope.clamp_max(0));
        return [("1", losses.select(-1, 0) * scale), ("2", losses.select(-1, 1))];
    }

    /// <summary>Where on the Pareto set the mean of the losses is least: a scale other than 1 moves it aside.</summary>
    public static (double X1, double X2) BestMean(double scale)
    {
        using var scope = NewDisposeScope();
        var x1 = linspace(-7, 7, 1401, dtype: ScalarType.Float64);
        var losses = Losses(stack([x1, full_like(x1, ParetoX2)], -1), scale);
        return (x1[(losses["1"] + losses["2"]).argmin()].item<double>(), ParetoX2);
    }
}
