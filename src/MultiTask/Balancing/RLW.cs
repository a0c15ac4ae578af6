namespace MultiTask.Balancing;

/// <summary>Random loss weighting: in each step the softmax of standard normal numbers.</summary>
/// <remarks>
/// Lin et al., <i>Reasonable Effectiveness of Random Weighting</i> (TMLR 2022), eq. 2. The weights are positive, sum to 1
/// and have the mean 1/m: at the learning rate of <see cref="EqualWeights"/> it takes steps 1/m as long. A cheap control
/// experiment: a method that does not beat it has not shown that its weights matter.
/// </remarks>
public sealed class RLW : LossWeighting
{
    private readonly Draws draws;

    /// <summary>Random loss weighting.</summary>
    /// <param name="seed">Where its own random numbers start.</param>
    public RLW(long seed = 0)
        : base(nameof(RLW))
    {
        draws = new(seed);
        RegisterComponents();
    }

    /// <inheritdoc/>
    public override double[] Weigh(TaskMap<double> losses)
    {
        ArgumentNullException.ThrowIfNull(losses);
        var random = draws.Next();
        var z = new double[losses.Count];
        for (var i = 0; i < z.Length; i++)
        {
            z[i] = Gaussian(random);
        }

        return Softmax.Of(z);
    }

    /// <inheritdoc/>
    public override void Reset() => draws.Clear();

    /// <summary>The Box-Muller transform.</summary>
    private static double Gaussian(Random random) =>
        Math.Sqrt(-2 * Math.Log(1 - random.NextDouble())) * Math.Cos(2 * Math.PI * random.NextDouble());
}
