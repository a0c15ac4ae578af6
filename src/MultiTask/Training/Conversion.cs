using TorchSharp;
using static TorchSharp.torch;

namespace MultiTask.Training;

/// <summary>Which element types weights may be converted between: floating ones, and no others.</summary>
internal static class Conversion
{
    public static bool Allows(ScalarType from, ScalarType to) => from == to || (torch.is_floating_point(from) && torch.is_floating_point(to));

    /// <summary>Whether what is finite stays finite: float16 ends at 65504.</summary>
    public static bool Keeps(Tensor value, ScalarType to)
    {
        if (value.dtype == to)
        {
            return true;
        }

        using var scope = NewDisposeScope();
        return value.isfinite().logical_not().logical_or(value.to(to).isfinite()).all().item<bool>();
    }
}
