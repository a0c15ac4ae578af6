using System.Numerics;

namespace MultiTask.Balancing;

/// <summary>What PCGrad does to the gradients, averaged over all orders in which each can meet the others, all as likely.</summary>
/// <remarks>
/// What is left of a gradient depends on the order of its projections, not only on which they were, so there is no shortcut
/// over subsets: the tree of orders is walked. A branch ends where no task that is still to be met is in conflict, for then
/// none will be. Where all conflict with all, that saves nothing, and each of the m trees has e (m − 1)! nodes.
/// </remarks>
internal sealed class PCGradAverage
{
    private readonly Gramian g;
    private readonly double[][] products;
    private readonly double[] sum;

    private PCGradAverage(Gramian g)
    {
        this.g = g;
        products = [.. Enumerable.Range(0, g.Count).Select(_ => new double[g.Count])];
        sum = [.. Enumerable.Repeat(1.0, g.Count)];
    }

    /// <summary>The sum of all gradients after their projections, in the basis g₁ … gₘ.</summary>
    /// <param name="g">At most 32 tasks; the time is practical for far fewer.</param>
    public static double[] Weigh(Gramian g)
    {
        var average = new PCGradAverage(g);
        for (var i = 0; i < g.Count; i++)
        {
            average.Project(i);
        }

        return average.sum;
    }

    private void Project(int i)
    {
        var others = 0u;
        for (var j = 0; j < g.Count; j++)
        {
            products[0][j] = g[i, j];
            others |= j != i && g[j, j] > 0 ? 1u << j : 0;
        }

        Meet(others, projections: 0, share: 1);
    }

    /// <summary>Adds what is taken from a gradient, after some projections, when it meets some others in every order.</summary>
    /// <param name="others">Whom it has still to meet, a bit each.</param>
    /// <param name="projections">How many there were; its products with the others are at this level.</param>
    /// <param name="share">The probability of the orders that led here.</param>
    private void Meet(uint others, int projections, double share)
    {
        var p = products[projections];
        if (!Conflict(others, p))
        {
            return;
        }

        share /= BitOperations.PopCount(others);
        for (var left = others; left != 0; left &= left - 1)
        {
            var j = BitOperations.TrailingZeroCount(left);
            var rest = others & ~(1u << j);
            if (p[j] < 0)
            {
                var multiple = -p[j] / g[j, j];
                sum[j] += share * multiple;
                Add(multiple, j, rest, p, products[projections + 1]);
                Meet(rest, projections + 1, share);
            }
            else
            {
                Meet(rest, projections, share);
            }
        }
    }

    private static bool Conflict(uint others, double[] products)
    {
        for (var left = others; left != 0; left &= left - 1)
        {
            if (products[BitOperations.TrailingZeroCount(left)] < 0)
            {
                return true;
            }
        }

        return false;
    }

    /// <summary>The products with the rest, once a multiple of gⱼ has been added.</summary>
    private void Add(double multiple, int j, uint rest, double[] from, double[] to)
    {
        for (var left = rest; left != 0; left &= left - 1)
        {
            var k = BitOperations.TrailingZeroCount(left);
            to[k] = from[k] + (multiple * g[j, k]);
        }
    }
}
