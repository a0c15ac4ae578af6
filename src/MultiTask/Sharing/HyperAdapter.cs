using static TorchSharp.torch;

namespace MultiTask.Sharing;

/// <summary>
/// A residual bottleneck all of whose weights are made from a code: x + LN(U GELU(Dx + d) + u), where the scale and the shift
/// of the layer normalisation are made, too.
/// </summary>
internal sealed class HyperAdapter : nn.Module
{
    private readonly HyperLinear down;
    private readonly HyperLinear up;
    private readonly HyperLinear? norm;
    private readonly long width;

    public HyperAdapter(int code, int width, int bottleneck, bool layerNorm)
        : base(nameof(HyperAdapter))
    {
        this.width = width;
        down = new(code, bottleneck, width);
        up = new(code, width, bottleneck);
        norm = layerNorm ? new(code, width) : null;
        RegisterComponents();
    }

    /// <param name="code">What the weights are made from.</param>
    /// <param name="x">Channels last.</param>
    public Tensor Adapt(Tensor code, Tensor x)
    {
        var ((toFew, few), (toAll, all)) = (down.Of(code), up.Of(code));
        var added = nn.functional.linear(nn.functional.gelu(nn.functional.linear(x, toFew, few)), toAll, all);
        return x + (norm is null ? added : Normalized(added, norm.Of(code)));
    }

    private Tensor Normalized(Tensor added, (Tensor Scale, Tensor Shift) made) =>
        nn.functional.layer_norm(added, [width], made.Scale, made.Shift);
}
