using MultiTask.Diagnostics;
using TorchSharp;
using static TorchSharp.torch;

namespace MultiTask.Tasks;

/// <summary>A label that is not as it should be, for messages: <c>7 at [3, 0]</c>.</summary>
internal static class Offender
{
    /// <summary>The first label for which a mask is true.</summary>
    /// <param name="target">The labels.</param>
    /// <param name="wrong">Booleans of the same shape, at least one of them true.</param>
    public static string Of(Tensor target, Tensor wrong)
    {
        using var scope = NewDisposeScope();
        var first = wrong.flatten().nonzero()[0].ToInt64();
        var value = target.flatten()[first].ToDouble();
        return $"{value} at {Shape.Text(Index(first, target.shape))}";
    }

    private static long[] Index(long flat, long[] shape)
    {
        var index = new long[shape.Length];
        for (var d = shape.Length - 1; d >= 0; d--)
        {
            (flat, index[d]) = Math.DivRem(flat, shape[d]);
        }

        return index;
    }
}
