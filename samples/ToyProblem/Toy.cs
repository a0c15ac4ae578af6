using MultiTask;
using static TorchSharp.torch;

namespace ToyProblem;

/// <summary>
/// The two-task problem of the CAGrad paper (Liu et al., NeurIPS 2021), which the Nash-MTL, FAMO and FairGrad papers draw
/// as well. In the upper half of the plane a narrow valley, in the lower half two bowls, one for each task.
/// </summary>
internal static class Toy
{
    /// <summary>The starts of the Nash-MTL and FAMO papers.</summary>
    public static readonly (double X1, double X2)[] Starts = [(-8.5, 7.5), (0, 0), (9, 9), (-7.5, -0.5), (9, -1)];

    /// <summary>Where the Pareto set is: x₁ in [-7, 7], and x₂ this, to 0.1.</summary>
    public const double ParetoX2 = -8.36;

    /// <summary>What no loss goes below, unscaled; FAMO asks for it.</summary>
    public const double Bound = -21;

    /// <summary>The losses at one point or at many.</summary>
    /// <param name="x">Points, <c>[..., 2]</c>.</param>
    /// <param name="scale">A factor of the first task's loss: 1 in the CAGrad paper, 0.1 in the others.</param>
    /// <returns>Both losses, <c>[...]</c>.</returns>
    public static TaskMap<Tensor> Losses(Tensor x, double scale)
    {
        var (x1, x2) = (x.select(-1, 0), x.select(-1, 1));
        var side = (x2 * 0.5).tanh();
        var (up, down) = (side.clamp_min(0), (-side).clamp_min(0));
        var bend = x2.tanh();
        var depth = (x2 + 8).square() * 0.1;

        var first = (Valley(bend - ((x1 + 7) * 0.5)) * up) + (Bowl(x1 - 7, depth) * down);
        var second = (Valley(2 - bend - ((x1 - 3) * 0.5)) * up) + (Bowl(x1 + 7, depth) * down);
        return [("1", first * scale), ("2", second)];
    }

    private static Tensor Valley(Tensor u) => u.abs().clamp_min(5e-6).log() + 6;

    private static Tensor Bowl(Tensor distance, Tensor depth) => ((distance.square() + depth) / 10) - 20;
}
