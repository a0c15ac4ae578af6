using System.Numerics;
using System.Runtime.InteropServices;
using MultiTask.Numerics;
using TorchSharp;
using static TorchSharp.torch;

namespace MultiTask;

/// <summary>How a missing label is written: <c>NaN</c> in a floating-point target, <c>-100</c> in an integer one.</summary>
/// <remarks>
/// The same convention holds everywhere: in losses, metrics, counts and data sources. <c>-100</c> is PyTorch's
/// <c>ignore_index</c>. Boolean targets cannot be missing, nor can bytes without a sign. For targets with more than one
/// dimension each entry is a label of its own: each output of a regression, each token of a sentence.
/// </remarks>
public static class MissingLabels
{
    /// <summary>The integer that stands for a missing class, token or count.</summary>
    public const long Class = -100;

    /// <summary>The number that stands for a missing value.</summary>
    public const double Value = double.NaN;

    /// <summary>Which labels are present.</summary>
    /// <param name="target">Targets of any shape.</param>
    /// <returns>Booleans of the same shape, on the same device.</returns>
    public static Tensor Present(Tensor target) =>
        target.is_floating_point() ? target.isnan().logical_not_()
        : CannotBeMissing(target) ? ones_like(target, ScalarType.Bool)
        : target.ne(Class);

    /// <summary>How many labels are present.</summary>
    /// <param name="target">Targets of any shape.</param>
    public static long Count(Tensor target)
    {
        using var scope = NewDisposeScope();
        return Any(target) ? Present(target).sum().item<long>() : target.numel();
    }

    /// <summary>Whether a label is missing: this runs for each task at each step.</summary>
    internal static bool Any(Tensor target)
    {
        if (CannotBeMissing(target) || target.numel() == 0)
        {
            return false;
        }

        if (HostValues.IsDirect(target) && Scan(target) is { } found)
        {
            return found;
        }

        using var scope = NewDisposeScope();
        return target.is_floating_point()
            ? double.IsNaN(target.sum().ToDouble()) && target.isnan().any().ToBoolean() // a sum may also be ∞ − ∞
            : target.min().ToInt64() < 0 && target.eq(Class).any().ToBoolean();
    }

    /// <summary>Looks at labels in place: for a batch that costs less than a native call.</summary>
    private static bool? Scan(Tensor target)
    {
        bool? found = target.dtype switch
        {
            ScalarType.Float32 => AnyNaN(HostValues.Direct<float>(target)),
            ScalarType.Float64 => AnyNaN(HostValues.Direct<double>(target)),
            ScalarType.Int64 => HostValues.Direct<long>(target).Contains(Class),
            _ => null,
        };
        GC.KeepAlive(target);
        return found;
    }

    private static bool AnyNaN<T>(ReadOnlySpan<T> values)
        where T : unmanaged, IFloatingPointIeee754<T>
    {
        var vectors = MemoryMarshal.Cast<T, Vector<T>>(values);
        foreach (var vector in vectors)
        {
            if (!Vector.EqualsAll(vector, vector))
            {
                return true;
            }
        }

        foreach (var value in values[(vectors.Length * Vector<T>.Count)..])
        {
            if (T.IsNaN(value))
            {
                return true;
            }
        }

        return false;
    }

    private static bool CannotBeMissing(Tensor target) => target.dtype is ScalarType.Bool or ScalarType.Byte;
}
