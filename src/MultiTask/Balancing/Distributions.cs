namespace MultiTask.Balancing;

/// <summary>Random numbers that .NET has no methods for.</summary>
internal static class Distributions
{
    /// <summary>A standard normal number: the Box-Muller transform.</summary>
    public static double Normal(Random random) =>
        Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(2 * Math.PI * random.NextDouble());

    /// <summary>
    /// Non-negative numbers with the sum 1: gamma numbers divided by their sum. By logarithms, for where concentrations are
    /// small, gamma numbers are mostly below the range of a double.
    /// </summary>
    /// <param name="random">The generator.</param>
    /// <param name="concentrations">α > 0, one a number.</param>
    public static double[] Dirichlet(Random random, IEnumerable<double> concentrations) =>
        Softmax.Of([.. concentrations.Select(alpha => LogGamma(random, alpha))]);

    /// <summary>
    /// The logarithm of a gamma number with the shape α and the scale 1. Marsaglia and Tsang, <i>A simple method for
    /// generating gamma variables</i> (2000): for α ≥ 1 by rejection, for less from that of α + 1.
    /// </summary>
    private static double LogGamma(Random random, double alpha)
    {
        if (alpha < 1)
        {
            return LogGamma(random, alpha + 1) + (Math.Log(1 - random.NextDouble()) / alpha);
        }

        var d = alpha - (1.0 / 3);
        while (true)
        {
            var x = Normal(random);
            var root = 1 + (x / Math.Sqrt(9 * d));
            var v = root * root * root;
            if (v > 0 && Math.Log(1 - random.NextDouble()) < (0.5 * x * x) + d - (d * v) + (d * Math.Log(v)))
            {
                return Math.Log(d * v);
            }
        }
    }
}
