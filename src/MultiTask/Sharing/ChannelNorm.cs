using TorchSharp;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace MultiTask.Sharing;

/// <summary>Batch normalisation of channels, wherever they are.</summary>
/// <remarks>
/// A batch with one value for each channel, such as one sample of dense features, has no variance. In training it is
/// normalised as in evaluation, by the running averages, which it leaves alone.
/// </remarks>
internal sealed class ChannelNorm : nn.Module<Tensor, Tensor>
{
    private readonly BatchNorm1d batch;
    private readonly Channels channels;

    public ChannelNorm(long width, Channels channels)
        : base(nameof(ChannelNorm))
    {
        batch = nn.BatchNorm1d(width);
        this.channels = channels;
        RegisterComponents();
    }

    public override Tensor forward(Tensor input)
    {
        var second = channels.ToSecond(input);
        var places = second.dim() > 2 ? second.flatten(2) : second;
        return channels.FromSecond(Normalized(places).reshape(second.shape));
    }

    private Tensor Normalized(Tensor places)
    {
        if (places.device_type == DeviceType.META)
        {
            return places; // The native library has no kernel for shapes alone; this one stays.
        }

        // Of copies, because a later pass before the backward one may move the averages.
        return training && places.numel() == places.size(1)
            ? nn.functional.batch_norm(places, batch.running_mean!.clone(), batch.running_var!.clone(), batch.weight!, batch.bias!, training: false, eps: batch.eps)
            : batch.call(places);
    }
}
