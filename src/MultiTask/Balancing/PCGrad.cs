namespace MultiTask.Balancing;

/// <summary>PCGrad: where two tasks' gradients conflict, takes from each its component along the other.</summary>
/// <remarks>
/// Yu et al., <i>Gradient Surgery for Multi-Task Learning</i> (NeurIPS 2020), algorithm 1: for each task i, over the other
/// tasks j in random order, gᵢ ← gᵢ − (gᵢ·gⱼ)/‖gⱼ‖² gⱼ where gᵢ·gⱼ &lt; 0, with gⱼ as it was; then the sum. Each task
/// has a random order of its own, and j = i is left out, as in the paper (LibMTL includes it; others share one order). With
/// three tasks or more the result may still conflict with some task. All is done in coordinates of the gradients, so only
/// their inner products are needed.
/// </remarks>
public sealed class PCGrad : GramianWeighting
{
    private readonly Draws draws;

    /// <summary>PCGrad.</summary>
    /// <param name="seed">Where the random orders start.</param>
    public PCGrad(long seed = 0)
        : base(nameof(PCGrad))
    {
        draws = new(seed);
        RegisterComponents();
    }

    /// <inheritdoc/>
    public override double[] Weigh(Gramian gramian)
    {
        ArgumentNullException.ThrowIfNull(gramian);
        var random = draws.Next();
        return Weigh(gramian, i =>
        {
            var others = Enumerable.Range(0, gramian.Count).Where(j => j != i).ToArray();
            random.Shuffle(others);
            return others;
        });
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
