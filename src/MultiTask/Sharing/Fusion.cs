using static TorchSharp.torch;

namespace MultiTask.Sharing;

/// <summary>One task's NDDR layer: the channels of all tasks, reduced to as many as one task has.</summary>
internal sealed class Fusion : nn.Module<Tensor, Tensor>
{
    private readonly ChannelLinear map;
    private readonly ChannelNorm? norm;

    /// <param name="shares">What the weights start with for each task's features: [αI, βI, …].</param>
    /// <param name="width">The channels of one task.</param>
    /// <param name="normalized">Whether batch normalisation and a ReLU follow.</param>
    /// <param name="channels">Where the channels are.</param>
    public Fusion(IReadOnlyCollection<double> shares, int width, bool normalized, Channels channels)
        : base(nameof(Fusion))
    {
        using var scope = NewDisposeScope();
        map = new(cat([.. shares.Select(share => eye(width) * share)], 1), channels, hasBias: !normalized);
        norm = normalized ? new(width, channels) : null;
        RegisterComponents();
    }

    public Tensor Weight => map.Weight;

    public override Tensor forward(Tensor input) => norm is null ? map.call(input) : norm.call(map.call(input)).Rectified();
}
