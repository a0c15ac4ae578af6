using static TorchSharp.torch;

namespace MultiTask.Sharing;

/// <summary>What carries attended features on to the next stage where the caller gives nothing else: ReLU(BN(W ·)), alike at each place.</summary>
internal sealed class FollowOn : nn.Module<Tensor, Tensor>
{
    private readonly ChannelLinear map;
    private readonly ChannelNorm norm;

    public FollowOn(int from, int to, Channels channels)
        : base(nameof(FollowOn))
    {
        map = new(ChannelLinear.Fresh(from, to), channels, hasBias: false);
        norm = new(to, channels);
        RegisterComponents();
    }

    public override Tensor forward(Tensor input) => norm.call(map.call(input)).Rectified();
}
