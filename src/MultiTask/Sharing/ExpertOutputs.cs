using MultiTask.Diagnostics;
using static TorchSharp.torch;

namespace MultiTask.Sharing;

/// <summary>What some experts made of one batch, to be mixed with one set of weights or several.</summary>
internal sealed class ExpertOutputs
{
    private readonly Tensor stacked; // [samples, experts, …]
    private readonly long[] shape;

    public ExpertOutputs(IEnumerable<Tensor> outputs)
    {
        Tensor[] all = [.. outputs];
        shape = all[0].shape;
        Shape.Alike(all, "Experts should give outputs of one shape.");
        if (shape.Length == 0)
        {
            throw new ArgumentException("Experts should give outputs with the samples along their first dimension. Found a scalar.");
        }

        stacked = stack(all, dim: 1);
    }

    /// <summary>The weighted sum Σᵢ gᵢ fᵢ.</summary>
    /// <param name="weights">
    /// <c>[samples, experts]</c>; or with further dimensions of the outputs between, such as <c>[samples, places, experts]</c>
    /// to weigh the experts at each place of a sequence.
    /// </param>
    /// <returns>As one expert's output.</returns>
    public Tensor Mix(Tensor weights)
    {
        var places = weights.shape[..^1];
        var experts = stacked.shape[1];
        if (weights.shape[^1] != experts || places.Length > shape.Length || !places.AsSpan().SequenceEqual(shape.AsSpan(0, places.Length)))
        {
            throw new ArgumentException(
                $"The weights of {experts} experts should be {Shape.Text([shape[0], experts])}, or have further dimensions of the " +
                $"experts' outputs of shape {Shape.Text(shape)} between. Found {Shape.Of(weights)}.");
        }

        var rows = Product(places);
        var values = stacked.movedim([1L], [places.Length]).reshape(rows, experts, Product(shape[places.Length..]));
        return MultiplyAdds.Sums(weights.to_type(stacked.dtype).reshape(rows, 1, experts).bmm(values).reshape(shape), experts);
    }

    private static long Product(IEnumerable<long> lengths) => lengths.Aggregate(1L, (product, length) => product * length);
}
