using MultiTask.Diagnostics;
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

    public HyperAdapter(int code, int width, int bottleneck, bool layerNorm)
        : base(nameof(HyperAdapter))
    {
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
        var within = MultiplyAdds.Sums(nn.functional.linear(x, toFew, few), toFew.size(1), this);
        var added = MultiplyAdds.Sums(nn.functional.linear(nn.functional.gelu(within), toAll, all), toAll.size(1), this);
        if (norm is null)
        {
            return x + added;
        }

        var (scale, shift) = norm.Of(code);
        return x + added.Normalized(scale, shift, eps: 1e-5);
    }
}
