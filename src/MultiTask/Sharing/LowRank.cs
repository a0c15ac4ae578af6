using MultiTask.Diagnostics;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace MultiTask.Sharing;

/// <summary>A low-rank update of a linear layer: s · B A x. A starts as a new dense layer does, B at 0, and so the update at 0.</summary>
internal sealed class LowRank : nn.Module<Tensor, Tensor>, ICounted
{
    private readonly Parameter a;
    private readonly Parameter b;
    private readonly double scale;

    public LowRank(Linear layer, int rank, double scale)
        : base(nameof(LowRank))
    {
        var (dtype, device) = (layer.weight!.dtype, layer.weight.device);
        a = nn.Parameter(ChannelLinear.Fresh(layer.in_features, rank).to(dtype, device).DetachFromDisposeScope());
        b = nn.Parameter(zeros([layer.out_features, rank], dtype, device).DetachFromDisposeScope());
        this.scale = scale;
        RegisterComponents();
    }

    public override Tensor forward(Tensor input)
    {
        var within = MultiplyAdds.Sums(nn.functional.linear(input, a), a.size(1), this);
        return MultiplyAdds.Sums(nn.functional.linear(within, b), b.size(1), this) * scale;
    }
}
