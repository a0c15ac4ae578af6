namespace MultiTask.Balancing;

/// <summary>Random loss weighting: other weights in each step, by default the softmax of standard normal numbers.</summary>
/// <remarks>
/// Lin et al., <i>Reasonable Effectiveness of Random Weighting</i> (TMLR 2022), eq. 2, and the six distributions that it
/// compares. The weights sum to 1 and have the mean 1/m (except <see cref="RandomWeights.RandomNormal"/>): at the learning
/// rate of <see cref="EqualWeights"/> it takes steps 1/m as long. A cheap control experiment: a method that does not beat it
/// has not shown that its weights matter. LibMTL takes the softmax of Dirichlet numbers, too, which are on the simplex
/// already, leaves Bernoulli numbers as they are, so that the length of a step varies, and has no random normal.
/// </remarks>
public sealed class RLW : LossWeighting
{
    private readonly Draws draws;
    private readonly RandomWeights distribution;

    /// <summary>Random loss weighting.</summary>
    /// <param name="seed">Where its own random numbers start.</param>
    /// <param name="distribution">Where the weights come from; the softmax of standard normal numbers by default.</param>
    /// <exception cref="ArgumentOutOfRangeException">There is no such distribution.</exception>
    public RLW(long seed = 0, RandomWeights distribution = RandomWeights.Normal)
        : base(nameof(RLW))
    {
        this.distribution = Enum.IsDefined(distribution)
            ? distribution
            : throw new ArgumentOutOfRangeException(nameof(distribution), $"`distribution` should be one of {string.Join(", ", Enum.GetNames<RandomWeights>())}. Found {distribution}.");
        draws = new(seed);
        RegisterComponents();
    }

    /// <inheritdoc/>
    public override double[] Weigh(TaskMap<double> losses)
    {
        ArgumentNullException.ThrowIfNull(losses);
        var random = draws.Next();
        return distribution switch
        {
            RandomWeights.Uniform => Softmax.Of([.. losses.Select(_ => random.NextDouble())]),
            RandomWeights.Dirichlet => Distributions.Dirichlet(random, losses.Select(_ => 1.0)),
            RandomWeights.Bernoulli => Shared(Coins(random, losses.Count)),
            RandomWeights.ConstrainedBernoulli => One(random, losses.Count),
            RandomWeights.RandomNormal => Softmax.Of([.. losses.Tasks.Select(task => RandomNormal(random, task))]),
            _ => Softmax.Of([.. losses.Select(_ => Distributions.Normal(random))]),
        };
    }

    /// <inheritdoc/>
    public override void Reset() => draws.Clear();

    private double RandomNormal(Random random, string task)
    {
        var own = draws.Of(task);
        var (mean, deviation) = (own.NextDouble(), own.NextDouble());
        return mean + (deviation * Distributions.Normal(random));
    }

    /// <summary>Fair coins, thrown again if all are 0.</summary>
    private static double[] Coins(Random random, int count)
    {
        while (true)
        {
            var coins = new double[count];
            for (var i = 0; i < count; i++)
            {
                coins[i] = random.Next(2);
            }

            if (coins.Any(c => c > 0))
            {
                return coins;
            }
        }
    }

    private static double[] Shared(double[] coins) => Array.ConvertAll(coins, c => c / coins.Sum());

    private static double[] One(Random random, int count)
    {
        var weights = new double[count];
        weights[random.Next(count)] = 1;
        return weights;
    }
}
