namespace MultiTask.Balancing;

/// <summary>exp(zᵢ) / Σ exp(zⱼ), without overflow.</summary>
internal static class Softmax
{
    public static double[] Of(double[] z)
    {
        var max = z.Max();
        var exp = Array.ConvertAll(z, v => Math.Exp(v - max));
        var sum = exp.Sum();
        return Array.ConvertAll(exp, v => v / sum);
    }
}
