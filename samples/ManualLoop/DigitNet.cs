using Shared;
using TorchSharp.Modules;
using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace ManualLoop;

/// <summary>A network as one writes it in TorchSharp: an encoder that both digits share, and a head for each.</summary>
public sealed class DigitNet : Module<Tensor, (Tensor Left, Tensor Right)>
{
    private readonly Sequential encoder;
    private readonly Sequential? rightEncoder;
    private readonly Linear left;
    private readonly Linear right;

    /// <summary>A network of its own weights.</summary>
    /// <param name="shared">Whether the digits share the encoder. Where they do not, these are two networks side by side.</param>
    /// <param name="width">The units of a hidden layer.</param>
    public DigitNet(bool shared = true, int width = 64)
        : base(nameof(DigitNet))
    {
        encoder = MakeEncoder(width);
        rightEncoder = shared ? null : MakeEncoder(width);
        left = Linear(width, 10);
        right = Linear(width, 10);
        RegisterComponents();
    }

    public Sequential Encoder => encoder;

    public override (Tensor Left, Tensor Right) forward(Tensor images)
    {
        var features = encoder.call(images);
        return (left.call(features), right.call(rightEncoder?.call(images) ?? features));
    }

    private static Sequential MakeEncoder(int width) =>
        Sequential(Linear(DigitPairs.Pixels, width), ReLU(), Linear(width, width), ReLU());
}
