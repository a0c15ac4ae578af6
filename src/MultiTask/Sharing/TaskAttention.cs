using static TorchSharp.torch;

namespace MultiTask.Sharing;

/// <summary>One task's attention at one stage: sigmoid(BN(W₂ ReLU(BN(W₁ ·)))), alike at each place.</summary>
internal sealed class TaskAttention : nn.Module<Tensor, Tensor>
{
    private readonly ChannelLinear first;
    private readonly ChannelNorm firstnorm;
    private readonly ChannelLinear second;
    private readonly ChannelNorm secondnorm;

    public TaskAttention(int from, int within, int to, Channels channels)
        : base(nameof(TaskAttention))
    {
        first = new(ChannelLinear.Fresh(from, within), channels, hasBias: false);
        firstnorm = new(within, channels);
        second = new(ChannelLinear.Fresh(within, to), channels, hasBias: false);
        secondnorm = new(to, channels);
        RegisterComponents();
    }

    public override Tensor forward(Tensor input) =>
        secondnorm.call(second.call(firstnorm.call(first.call(input)).Rectified())).sigmoid();
}
