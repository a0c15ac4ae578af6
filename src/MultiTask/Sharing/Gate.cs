using MultiTask.Diagnostics;
using static TorchSharp.torch;

namespace MultiTask.Sharing;

/// <summary>Weighs experts by what it reads: g(x) = softmax(W x), or the softmax of any encoder's output.</summary>
/// <remarks>A view of the encoder, which is what is registered: state keys have no extra level.</remarks>
/// <param name="logits">Gives <c>[samples, experts]</c>, or with further dimensions between.</param>
/// <param name="experts">How many experts there are.</param>
internal sealed class Gate(Encoder logits, int experts)
{
    public nn.Module Module => logits.Module;

    /// <summary>The weights, which sum to 1 along the last dimension.</summary>
    public Tensor Weights(Inputs inputs) => Logits(logits, inputs, experts).softmax(-1);

    /// <summary>The output of a gate's encoder, if it has the right width.</summary>
    public static Tensor Logits(Encoder gate, Inputs inputs, int width)
    {
        var values = gate.Encode(inputs);
        return values.dim() >= 2 && values.shape[0] == inputs.Samples && values.shape[^1] == width
            ? values
            : throw new ArgumentException($"A gate should give {Shape.Text([inputs.Samples, width])} here, or have further dimensions between. Found {Shape.Of(values)}.");
    }
}
