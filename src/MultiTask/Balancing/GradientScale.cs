using MultiTask.Training;
using static TorchSharp.torch;

namespace MultiTask.Balancing;

/// <summary>How long a balanced gradient is.</summary>
public enum GradientScale
{
    /// <summary>As the method's paper has it.</summary>
    Paper,

    /// <summary>As long as the mean of the tasks' gradients: only its direction is the method's.</summary>
    MeanNorm,

    /// <summary>As long as the sum of the tasks' gradients, so that the learning rate of <see cref="EqualWeights"/> fits.</summary>
    SumNorm,
}

/// <summary>What a scale multiplies a gradient by.</summary>
internal static class GradientScales
{
    /// <param name="scale">The scale.</param>
    /// <param name="gradient">The gradient, <c>[n]</c>.</param>
    /// <param name="jacobian">The tasks' gradients.</param>
    public static double Factor(this GradientScale scale, Tensor gradient, Jacobian jacobian)
    {
        if (scale == GradientScale.Paper)
        {
            return 1;
        }

        using var scope = NewDisposeScope();
        return scale.Factor(GradientNorm.Of([gradient]), GradientNorm.Of([jacobian.Matrix.sum(dim: 0)]), jacobian.Tasks.Count);
    }

    /// <summary>The same, from norms.</summary>
    /// <param name="scale">The scale.</param>
    /// <param name="norm">The gradient's norm; a gradient that is 0 stays 0.</param>
    /// <param name="sumNorm">The norm of the sum of the tasks' gradients.</param>
    /// <param name="count">The number of tasks.</param>
    public static double Factor(this GradientScale scale, double norm, double sumNorm, int count) =>
        norm == 0 ? 0 : scale switch
        {
            GradientScale.MeanNorm => sumNorm / count / norm,
            GradientScale.SumNorm => sumNorm / norm,
            _ => 1,
        };
}
