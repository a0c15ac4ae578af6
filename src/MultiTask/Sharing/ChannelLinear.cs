using MultiTask.Diagnostics;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace MultiTask.Sharing;

/// <summary>A linear map of the channels, alike at each place: a 1×1 convolution of images, a dense layer of vectors.</summary>
internal sealed class ChannelLinear : nn.Module<Tensor, Tensor>, ICounted
{
    private readonly Parameter weight;
    private readonly Parameter? bias;
    private readonly Channels channels;

    /// <param name="weight">Shape <c>[out, in]</c>.</param>
    /// <param name="channels">Where the channels are.</param>
    /// <param name="hasBias">Whether there is a bias; it starts at 0.</param>
    public ChannelLinear(Tensor weight, Channels channels, bool hasBias)
        : base(nameof(ChannelLinear))
    {
        this.weight = nn.Parameter(weight.DetachFromDisposeScope());
        this.channels = channels;
        if (hasBias)
        {
            bias = nn.Parameter(zeros([this.weight.size(0)], this.weight.dtype, this.weight.device).DetachFromDisposeScope());
        }

        RegisterComponents();
    }

    public Tensor Weight => weight;

    /// <summary>Weights as those of a new dense layer, U(±1/√in).</summary>
    public static Tensor Fresh(long from, long to) => nn.init.kaiming_uniform_(empty([to, from]), Math.Sqrt(5));

    public override Tensor forward(Tensor input)
    {
        channels.Expect(input, weight.size(1), "Features");
        return channels.FromLast(MultiplyAdds.Sums(nn.functional.linear(channels.ToLast(input), weight, bias!), weight.size(1), this));
    }
}
