using static TorchSharp.torch;

namespace MultiTask.Tasks;

/// <summary>Labels that are yes or no: booleans, integers 0 and 1, or probabilities.</summary>
internal static class YesNo
{
    public const string Expected = "targets should be Bool, Int64 (0, 1 or -100 where missing) or floating point (0 to 1, or NaN where missing)";

    public static bool Fits(ScalarType dtype) =>
        dtype is ScalarType.Bool or ScalarType.Int64 or ScalarType.Float32 or ScalarType.Float64 or ScalarType.Float16 or ScalarType.BFloat16;

    /// <summary>Which labels are present, but neither yes, nor no, nor (floating point) between.</summary>
    public static Tensor Wrong(Tensor target) => target.dtype == ScalarType.Bool
        ? zeros_like(target)
        : target.lt(0).logical_or_(target.gt(1)).logical_and_(MissingLabels.Present(target));

    /// <summary>Binary cross entropy.</summary>
    public static Tensor Losses(Tensor output, Tensor target, Tensor? positiveWeights, nn.Reduction reduction) =>
        nn.functional.binary_cross_entropy_with_logits(output, target.to_type(output.dtype), reduction: reduction, pos_weights: positiveWeights);
}
