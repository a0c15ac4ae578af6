using MultiTask.Diagnostics;

namespace MultiTask.Balancing;

/// <summary>Krum: the gradient that lies closest to most of the others, or the mean of a few such.</summary>
/// <remarks>
/// Blanchard et al., <i>Machine Learning with Adversaries: Byzantine Tolerant Gradient Descent</i> (NeurIPS 2017): with f gradients that
/// may be anything, the score of gᵢ is the sum of its <i>squared</i> distances to the m − f − 2 gradients closest to it. That with
/// the least score is chosen, of equals the first; Multi-Krum is the mean of several. TorchJD adds up the distances
/// themselves. It was made for workers that compute the same gradient; for unlike tasks it is a way to leave out those that
/// disagree with the rest. The proof asks for 2f + 2 &lt; m. Where a batch has too few tasks, one neighbour counts, and no more tasks
/// are chosen than there are. A gradient that is zero is a gradient like others.
/// </remarks>
public sealed class Krum : GramianWeighting
{
    private readonly int byzantine;
    private readonly int selected;

    /// <summary>Krum, or with more than one task to select, Multi-Krum.</summary>
    /// <param name="byzantine">f ≥ 0, how many tasks may be far off; the default is 1.</param>
    /// <param name="selected">How many gradients to average, ≥ 1; the default is 1.</param>
    /// <exception cref="ArgumentOutOfRangeException">A number is too small.</exception>
    public Krum(int byzantine = 1, int selected = 1)
        : base(nameof(Krum))
    {
        this.byzantine = Arguments.NonNegative(byzantine, nameof(byzantine));
        this.selected = selected >= 1
            ? selected
            : throw new ArgumentOutOfRangeException(nameof(selected), $"`selected` should be positive. Found {selected}.");
    }

    /// <inheritdoc/>
    public override double[] Weigh(Gramian gramian)
    {
        ArgumentNullException.ThrowIfNull(gramian);
        var m = gramian.Count;
        var neighbours = Math.Max(1, m - byzantine - 2);
        var chosen = Enumerable.Range(0, m).OrderBy(i => Score(gramian, i, neighbours)).Take(selected).ToArray();
        var weights = new double[m];
        foreach (var i in chosen)
        {
            weights[i] = 1.0 / chosen.Length;
        }

        return weights;
    }

    private static double Score(Gramian g, int i, int neighbours) =>
        Enumerable.Range(0, g.Count).Where(j => j != i).Select(j => SquaredDistance(g, i, j)).Order().Take(neighbours).Sum();

    /// <summary>‖gᵢ − gⱼ‖².</summary>
    private static double SquaredDistance(Gramian g, int i, int j) => Math.Max(0, g[i, i] + g[j, j] - (2 * g[i, j]));
}
