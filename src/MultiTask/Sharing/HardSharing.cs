using TorchSharp.Modules;
using static TorchSharp.torch;

namespace MultiTask.Sharing;

/// <summary>Hard parameter sharing: one encoder for all tasks.</summary>
/// <remarks>Caruana, <i>Multitask Learning</i> (Machine Learning, 1997). The baseline of sharing, and the cheapest.</remarks>
public sealed class HardSharing : Trunk
{
    private readonly nn.Module encoder;
    private readonly Encoder encode;

    /// <summary>One encoder for all tasks.</summary>
    /// <param name="encoder">Turns the inputs into the representation, samples first. From here on it belongs to the trunk.</param>
    public HardSharing(Encoder encoder)
        : base(nameof(HardSharing))
    {
        ArgumentNullException.ThrowIfNull(encoder);
        this.encoder = encoder.Module;
        encode = encoder;
        RegisterComponents();
    }

    /// <inheritdoc/>
    public override IEnumerable<Parameter> SharedParameters() => encoder.parameters();

    /// <inheritdoc/>
    public override Representation forward(Inputs input) => new(encode.Encode(input));
}
