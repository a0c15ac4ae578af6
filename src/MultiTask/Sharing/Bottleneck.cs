using static TorchSharp.torch;

namespace MultiTask.Sharing;

/// <summary>A residual adapter: x + W₂ GELU(W₁x + b₁) + b₂, through a few channels.</summary>
internal sealed class Bottleneck : nn.Module<Tensor, Tensor>
{
    private readonly ChannelLinear down;
    private readonly ChannelLinear up;

    public Bottleneck(int width, int bottleneck, Channels channels)
        : base(nameof(Bottleneck))
    {
        down = new(NearZero(bottleneck, width), channels, hasBias: true);
        up = new(NearZero(width, bottleneck), channels, hasBias: true);
        RegisterComponents();
    }

    public override Tensor forward(Tensor input) => input + up.call(nn.functional.gelu(down.call(input)));

    /// <summary>Draws from N(0, 10⁻³ ²), cut at two standard deviations, as the authors'.</summary>
    private static Tensor NearZero(int to, int from) => nn.init.trunc_normal_(empty(to, from), 0, 1e-3, -2e-3, 2e-3);
}
