using TorchSharp.Modules;
using static TorchSharp.torch;

namespace MultiTask.Sharing;

/// <summary>Numbers in [0, 1] that are at both ends with some probability, and have a gradient.</summary>
/// <remarks>
/// Louizos, Welling and Kingma, <i>Learning Sparse Neural Networks through L0 Regularization</i> (ICLR 2018), with its constants
/// β = 2/3, γ = −0.1, ζ = 1.1: z = clamp(s(ζ − γ) + γ, 0, 1), s = σ((log u − log(1 − u) + log α)/β), u uniform.
/// </remarks>
internal static class HardConcrete
{
    private const double Beta = 2.0 / 3;
    private const double Gamma = -0.1;
    private const double Zeta = 1.1;

    /// <summary>log α of numbers that are as likely on as off: normal around 0 with deviation 0.01.</summary>
    public static Parameter LogAlpha(long[] shape, Parameter? like)
    {
        var values = empty(shape, like?.dtype ?? ScalarType.Float32, like?.device ?? CPU).DetachFromDisposeScope();
        nn.init.normal_(values, 0, 0.01);
        return nn.Parameter(values);
    }

    /// <summary>A draw (equations 10 and 11).</summary>
    public static Tensor Sample(Tensor logAlpha)
    {
        var u = rand_like(logAlpha).clamp(1e-6, 1 - 1e-6);
        return Stretched(((u.log() - (1 - u).log() + logAlpha) / Beta).sigmoid());
    }

    /// <summary>What is used at evaluation (equation 13).</summary>
    public static Tensor Typical(Tensor logAlpha) => Stretched(logAlpha.sigmoid());

    /// <summary>The probability of each not to be 0 (equation 12).</summary>
    public static Tensor ProbabilityOn(Tensor logAlpha) => (logAlpha - (Beta * Math.Log(-Gamma / Zeta))).sigmoid();

    private static Tensor Stretched(Tensor s) => ((s * (Zeta - Gamma)) + Gamma).clamp(0, 1);
}
