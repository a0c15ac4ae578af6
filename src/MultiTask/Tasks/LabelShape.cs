using System.Diagnostics.CodeAnalysis;
using MultiTask.Diagnostics;
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
        answers = target.dim() == 0 ? null
            : Shape.Same(output, target) ? output
            : IsColumnOf(output.shape, target.shape) || IsColumnOf(target.shape, output.shape) ? output.reshape(target.shape)
            : null;
        return answers is not null;
    }

    /// <summary>Whether a shape is another with a second dimension of length 1 put in.</summary>
    private static bool IsColumnOf(ReadOnlySpan<long> column, ReadOnlySpan<long> plain) =>
        plain.Length > 0
        && column.Length == plain.Length + 1
        && column[1] == 1
        && column[0] == plain[0]
        && column[2..].SequenceEqual(plain[1..]);
}
