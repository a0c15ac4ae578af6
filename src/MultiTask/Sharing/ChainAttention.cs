using TorchSharp.Modules;
using static TorchSharp.torch;

namespace MultiTask.Sharing;

/// <summary>How a step of <see cref="AITM"/> takes from the step before and from its own tower: each attends to itself.</summary>
internal sealed class ChainAttention : nn.Module
{
    private readonly Parameter value;
    private readonly Parameter query;
    private readonly Parameter key;
    private readonly double scale;

    /// <summary>Projections of k numbers to k, normally distributed with a deviation of 0.01 at first.</summary>
    public ChainAttention(int width, ScalarType dtype, Device device)
        : base(nameof(ChainAttention))
    {
        (value, query, key) = (Fresh(), Fresh(), Fresh());
        scale = 1 / Math.Sqrt(width);
        RegisterComponents();

        Parameter Fresh() => nn.Parameter(nn.init.normal_(empty([width, width], dtype, device).DetachFromDisposeScope(), 0, 0.01));
    }

    /// <summary>What only weighs: the projections of which the weights are made.</summary>
    public IEnumerable<Parameter> Weighing => [query, key];

    /// <summary>The weights of the parts, <c>[n, 2]</c>, and their weighted sum, <c>[n, k]</c>.</summary>
    /// <param name="before">What comes from the step before, <c>[n, k]</c>.</param>
    /// <param name="own">What the step's own tower gives, <c>[n, k]</c>.</param>
    public (Tensor Weights, Tensor Mixed) Mix(Tensor before, Tensor own)
    {
        var parts = stack([before, own], dim: 1);
        var scores = (nn.functional.linear(parts, query) * nn.functional.linear(parts, key)).sum(dim: -1) * scale;
        var weights = scores.softmax(1);
        return (weights, (weights.unsqueeze(-1) * nn.functional.linear(parts, value)).sum(dim: 1));
    }
}
