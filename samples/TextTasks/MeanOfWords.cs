using static TorchSharp.torch;
using static TorchSharp.torch.nn;

namespace TextTasks;

/// <summary>A sentence as the mean of its words.</summary>
/// <remarks>
/// The sum over all positions is the sum over the words, because padding is zero, and its last channel, the mask's, is their
/// number.
/// </remarks>
public sealed class MeanOfWords() : Module<Tensor, Tensor>(nameof(MeanOfWords))
{
    /// <summary>The mean.</summary>
    /// <param name="input">Words, <c>[n, t, width + 1]</c>, of which the last channel is the mask.</param>
    /// <returns><c>[n, width + 1]</c>; the last channel is 1.</returns>
    public override Tensor forward(Tensor input)
    {
        var sum = input.sum(dim: 1);
        return sum / sum.narrow(1, -1, 1);
    }
}
