using TorchSharp.Modules;
using static TorchSharp.torch;

namespace MultiTask.Sharing;

/// <summary>The weights that make the two halves of a stage's features.</summary>
internal static class Subspaces
{
    /// <summary>The last matrix or kernel of a stage; its rows are the units of the first half and then of the second, perhaps for each of some gates.</summary>
    /// <exception cref="ArgumentException">There is none, or its rows do not make two halves of the features.</exception>
    public static Parameter WeightOf(nn.Module stage, int width, int number)
    {
        var (name, weight) = stage.named_parameters().LastOrDefault(p => p.parameter.dim() > 1);
        if (weight is null || weight.size(0) % width != 0 || width % 2 != 0 || name.EndsWith("_reverse", StringComparison.Ordinal))
        {
            var found = weight is null ? "no weight" : $"'{name}' of shape {Diagnostics.Shape.Of(weight)}";
            throw new ArgumentException(
                $"Stage {number} should end with a layer whose units make two halves of {width} channels, so that these can be held orthogonal. " +
                $"Found {found}. Give `widths`, or no penalty by `orthogonality: 0`.");
        }

        return weight;
    }

    /// <summary>‖G₁ᵀG₂‖², where the columns of G₁ and G₂ are the weights of the units of each half; summed over gates.</summary>
    public static Tensor Overlap(Tensor weight, int width)
    {
        using var scope = NewDisposeScope();
        var halves = weight.reshape(weight.size(0) / width, 2, width / 2, -1).unbind(1);
        return halves[0].matmul(halves[1].transpose(-1, -2)).square().sum().MoveToOuterDisposeScope();
    }
}
