using MultiTask.Diagnostics;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace MultiTask.Sharing;

/// <summary>
/// A gate that selects at most k of n experts: k selectors, each of which picks an expert by a binary code of smooth steps,
/// and a softmax over the selectors.
/// </summary>
internal sealed class SelectorGate : nn.Module, ICounted
{
    private const double Tiny = 1e-6;
    private readonly int experts;
    private readonly int selectors;
    private readonly double gamma;
    private readonly Encoder? reader;
    private readonly Parameter? codes;
    private readonly Parameter? weights;
    private readonly nn.Module? logits;

    /// <summary>A gate.</summary>
    /// <param name="experts">n ≥ 2.</param>
    /// <param name="selectors">k, in 1…n.</param>
    /// <param name="gamma">The width of the smooth step.</param>
    /// <param name="like">A parameter to take dtype and device from.</param>
    /// <param name="reader">Makes the gate's numbers from the inputs, if they are not the same for all samples.</param>
    public SelectorGate(int experts, int selectors, double gamma, Parameter? like, Encoder? reader)
        : base(nameof(SelectorGate))
    {
        this.experts = experts;
        this.selectors = selectors;
        this.gamma = gamma;
        this.reader = reader;
        logits = reader?.Module;
        if (reader is null)
        {
            codes = Uniform([selectors, Digits(experts)], gamma / 100, like);
            weights = Uniform([selectors], 0.05, like);
        }

        RegisterComponents();
    }

    /// <summary>The digits of the binary code of n experts.</summary>
    public static int Digits(int experts) => (int)Math.Ceiling(Math.Log2(experts));

    /// <summary>How many numbers the gate needs for a sample: the codes of its selectors, and then the selectors' weights.</summary>
    public static int Width(int experts, int selectors) => selectors * (Digits(experts) + 1);

    /// <summary>0 up to −γ/2, 1 from γ/2, and a smooth cubic between.</summary>
    public static Tensor SmoothStep(Tensor t, double gamma)
    {
        var x = (t / gamma).clamp(-0.5, 0.5);
        return ((1.5 - (2 * x.square())) * x) + 0.5;
    }

    /// <summary>The weights of the experts: <c>[experts]</c> if they are the same for all samples, else <c>[samples, …, experts]</c>.</summary>
    public static Tensor Weights((Tensor Chosen, Tensor Weight) choices) =>
        MultiplyAdds.Sums((choices.Chosen * choices.Weight.softmax(-1).unsqueeze(-1)).sum(-2), choices.Weight.size(-1));

    /// <summary>How undecided the selectors are, Σ over them of their entropy; the mean over samples.</summary>
    public static Tensor Entropy(Tensor chosen) => -(chosen * chosen.clamp_min(Tiny).log()).sum(-1).sum(-1).mean();

    /// <summary>
    /// Σ over the selectors of 1/Σᵢ rᵢ − 1, the mean over samples: keeps them from codes that are no expert's. 0 where all
    /// codes are one's.
    /// </summary>
    public static Tensor Barrier(Tensor chosen) => (chosen.sum(-1).clamp(Tiny, 1).reciprocal() - 1).sum(-1).mean();

    /// <summary>What each selector takes of each expert, <c>[…, k, n]</c>, and the selectors' logits, <c>[…, k]</c>.</summary>
    /// <param name="inputs">The samples; none where the gate does not read them.</param>
    public (Tensor Chosen, Tensor Weight) Choices(Inputs? inputs)
    {
        var digits = Digits(experts);
        var (code, weight) = ((Tensor?)codes, (Tensor?)weights);
        if (reader is not null)
        {
            var values = Gate.Logits(reader, inputs!, Width(experts, selectors));
            var dim = values.dim() - 1;
            code = values.narrow(dim, 0, selectors * digits).reshape([.. values.shape[..^1], selectors, digits]);
            weight = values.narrow(dim, selectors * digits, selectors);
        }

        var step = SmoothStep(code!, gamma).unsqueeze(-2); // […, k, 1, digits]
        var expert = arange(experts, ScalarType.Int64, step.device).unsqueeze(-1);
        var bits = expert.bitwise_right_shift(arange(digits, ScalarType.Int64, step.device)).remainder(2).to_type(step.dtype);
        return (((bits * step) + ((1 - bits) * (1 - step))).prod(-1), weight!);
    }

    private static Parameter Uniform(long[] shape, double bound, Parameter? like)
    {
        var values = empty(shape, like?.dtype ?? ScalarType.Float32, like?.device ?? CPU).DetachFromDisposeScope();
        nn.init.uniform_(values, -bound, bound);
        return nn.Parameter(values);
    }
}
