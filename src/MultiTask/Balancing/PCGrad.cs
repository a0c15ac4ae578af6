namespace MultiTask.Balancing;

/// <summary>PCGrad: where two tasks' gradients conflict, takes from each its component along the other.</summary>
/// <remarks>
/// <para>
/// Yu et al., <i>Gradient Surgery for Multi-Task Learning</i> (NeurIPS 2020), algorithm 1: for each task i, over the other
/// tasks j in random order, gᵢ ← gᵢ − (gᵢ·gⱼ)/‖gⱼ‖² gⱼ where gᵢ·gⱼ &lt; 0, with gⱼ as it was; then the sum. Each task
/// has a random order of its own, and j = i is left out, as in the paper (LibMTL includes it; others share one order). With
/// three tasks or more the result may still conflict with some task. All is done in coordinates of the gradients, so only
/// their inner products are needed.
/// </para>
/// <para>
/// The order need not be left to chance: with <c>averageOrders</c> the result is the mean over all orders, exactly, and no
/// random number is drawn. It is no part of the paper. The orders are gone through, so there is a limit of
/// <see cref="MostTasksToAverage"/> tasks: where all conflict with all, that many take some 10 ms a step, and one more ten
/// times as long.
/// </para>
/// </remarks>
public sealed class PCGrad : GramianWeighting
{
    /// <summary>The most tasks a batch may have if orders are averaged: 9.</summary>
    public const int MostTasksToAverage = 9;

    private readonly Draws draws;
    private readonly bool averageOrders;

    /// <summary>PCGrad.</summary>
    /// <param name="seed">Where the random orders start.</param>
    /// <param name="averageOrders">
    /// Whether to take the mean over all orders instead of one at random, for at most <see cref="MostTasksToAverage"/> tasks;
    /// by default, as in the paper, not.
    /// </param>
    public PCGrad(long seed = 0, bool averageOrders = false)
        : base(nameof(PCGrad))
    {
        draws = new(seed);
        this.averageOrders = averageOrders;
        RegisterComponents();
    }

    /// <inheritdoc/>
    /// <exception cref="ArgumentException">Orders are averaged, and there are too many tasks.</exception>
    public override double[] Weigh(Gramian gramian)
    {
        ArgumentNullException.ThrowIfNull(gramian);
        if (averageOrders)
        {
            return gramian.Count <= MostTasksToAverage
                ? PCGradAverage.Weigh(gramian)
                : throw new ArgumentException(
                    $"PCGrad averages the orders of at most {MostTasksToAverage} tasks. Found {gramian.Count}; without `averageOrders` there is no limit.", nameof(gramian));
        }

        var random = draws.Next();
        return Weigh(gramian, i => Orders.Shuffled(random, gramian.Count, i));
    }

    /// <inheritdoc/>
    public override void Reset() => draws.Clear();

    /// <summary>The algorithm, with the order in which each task visits the others.</summary>
    internal static double[] Weigh(Gramian gramian, Func<int, int[]> order)
    {
        var sum = new double[gramian.Count];
        for (var i = 0; i < gramian.Count; i++)
        {
            var projected = Project(gramian, i, order(i));
            for (var k = 0; k < sum.Length; k++)
            {
                sum[k] += projected[k];
            }
        }

        return sum;
    }

    /// <summary>The coordinates of gᵢ after its conflicts were taken out, in the basis g₁ … gₘ.</summary>
    private static double[] Project(Gramian gramian, int i, int[] order)
    {
        var c = new double[gramian.Count];
        c[i] = 1;
        foreach (var j in order)
        {
            var inner = 0.0;
            for (var k = 0; k < c.Length; k++)
            {
                inner += c[k] * gramian[k, j];
            }

            if (inner < 0 && gramian[j, j] > 0)
            {
                c[j] -= inner / gramian[j, j];
            }
        }

        return c;
    }
}
