using System.Diagnostics.CodeAnalysis;
using static TorchSharp.torch;

namespace MultiTask.Tasks;

/// <summary>Outputs that answer labels one to one have their shape, but for a second dimension of length 1.</summary>
internal static class LabelShape
{
    /// <summary>The outputs in the labels' shape.</summary>
    /// <param name="output">Outputs, <c>[n]</c>, <c>[n, 1]</c>, <c>[n, d]</c>, …</param>
    /// <param name="target">Labels.</param>
    /// <param name="answers">The same outputs in exactly the labels' shape.</param>
    /// <returns>Whether the shapes fit.</returns>
    public static bool TryMatch(Tensor output, Tensor target, [NotNullWhen(true)] out Tensor? answers)
    {
        var (have, want) = (output.shape, target.shape);
        var same = have.AsSpan().SequenceEqual(want);
        answers = want.Length == 0 ? null
            : same ? output
            : Squeezed(have).SequenceEqual(Squeezed(want)) ? output.reshape(want)
            : null;
        return answers is not null;
    }

    private static long[] Squeezed(long[] shape) => shape.Length > 1 && shape[1] == 1 ? [shape[0], .. shape[2..]] : shape;
}
