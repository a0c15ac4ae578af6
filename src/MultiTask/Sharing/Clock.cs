using TorchSharp;
using static TorchSharp.torch;

namespace MultiTask.Sharing;

/// <summary>Counts steps and epochs in buffers, so that a checkpoint has them.</summary>
internal sealed class Clock : nn.Module
{
    private const string Steps = "steps";
    private const string Epochs = "epochs";

    public Clock()
        : base(nameof(Clock))
    {
        foreach (var name in new[] { Steps, Epochs })
        {
            register_buffer(name, zeros([], ScalarType.Int64).DetachFromDisposeScope());
        }
    }

    public SharingClock Now => new(get_buffer(Steps)!.ToInt64(), get_buffer(Epochs)!.ToInt64());

    public void EndStep() => get_buffer(Steps)!.add_(1);

    public void EndEpoch() => get_buffer(Epochs)!.add_(1);
}
