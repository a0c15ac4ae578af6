using TorchSharp.Modules;
using static TorchSharp.torch;

namespace MultiTask.Sharing;

/// <summary>The weights that make the two halves of a stage's features.</summary>
internal static class Subspaces
{
    /// <summary>The last matrix or kernel of a stage, units first: those of the first half and then of the second, perhaps for each of some gates.</summary>
    /// <exception cref="ArgumentException">There is none, or its units do not make two halves of the features.</exception>
    public static Tensor WeightOf(nn.Module stage, int width, int number)
    {
        var (owner, name, weight) = stage.named_modules().Select(m => m.module).Prepend(stage)
            .SelectMany(module => module.named_parameters(recurse: false).Select(p => (module, p.name, weight: UnitsFirst(module, p.parameter))))
            .LastOrDefault(p => p.weight.dim() > 1);
        if (owner is null || weight.size(0) % width != 0 || width % 2 != 0 || name.EndsWith("_reverse", StringComparison.Ordinal))
        {
            var found = owner is null ? "no weight" : $"'{name}' of shape {Diagnostics.Shape.Of(weight)}";
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

    /// <summary>A dense layer's weight has a row for each unit; an embedding's a column, a transposed convolution's a slice along the second dimension.</summary>
    private static Tensor UnitsFirst(nn.Module module, Tensor weight) =>
        module is Embedding or ConvTranspose1d or ConvTranspose2d or ConvTranspose3d && weight.dim() > 1 ? weight.transpose(0, 1) : weight;
}
