using MultiTask.Diagnostics;
using MultiTask.Numerics;

namespace MultiTask.Balancing;

/// <summary>Aligned-MTL: turns the gradients into orthogonal ones of equal length, as near to them as can be, then weighs them.</summary>
/// <remarks>
/// <para>
/// Senushkin et al., <i>Independent Component Alignment for Multi-Task Learning</i> (CVPR 2023), algorithm 1: with G = V Λ Vᵀ,
/// w = B p, B = σ V Λ^(−1/2) Vᵀ, where p are the preferences and σ² is the smallest eigenvalue. The gradients B J that are weighed
/// by p have the condition number 1: none dominates, none conflicts. As in the paper, preferences sum to 1; the authors'
/// code has 1 for all, hence steps m times as long. The other scales are those of that code.
/// </para>
/// <para>
/// Directions in which the gradients hardly differ are left out: those with an eigenvalue below <c>rankTolerance</c> times the
/// largest. As gradients become linearly dependent, σ, and with it the step, goes to 0, until the eigenvalue falls below the
/// tolerance; there it <i>jumps</i> to the next larger one. The authors' code has m · 1.2e-7 in float32, which also drops gradients that
/// are 3000 times shorter than the longest (here 10⁶ times). A task whose gradient is exactly zero is left out and gets the weight 0; where all
/// are zero, the weights are the preferences.
/// </para>
/// </remarks>
public sealed class AlignedMTL : GramianWeighting
{
    private readonly Preferences preferences;
    private readonly AlignedMTLScale scale;
    private readonly double rankTolerance;

    /// <summary>Aligned-MTL.</summary>
    /// <param name="preferences">For every task, how much it counts, &gt; 0; only ratios matter; by default all alike.</param>
    /// <param name="scale">Which singular value all get; the paper's is the smallest.</param>
    /// <param name="rankTolerance">What part of the largest eigenvalue counts as 0, in [0, 1); the default is 1e-12.</param>
    /// <exception cref="ArgumentException">
    /// A preference is not positive and finite, the tolerance is not in [0, 1), or the scale is none of its kind.
    /// </exception>
    public AlignedMTL(TaskMap<double>? preferences = null, AlignedMTLScale scale = AlignedMTLScale.Minimum, double rankTolerance = SymmetricEigen.RankTolerance)
        : base(nameof(AlignedMTL))
    {
        this.preferences = new(preferences, nameof(AlignedMTL));
        this.scale = Arguments.Defined(scale, nameof(scale));
        this.rankTolerance = Arguments.Part(rankTolerance, nameof(rankTolerance));
    }

    /// <inheritdoc/>
    /// <exception cref="ArgumentException">Preferences were given, but none for one of the tasks.</exception>
    public override double[] Weigh(Gramian gramian)
    {
        ArgumentNullException.ThrowIfNull(gramian);
        var p = preferences.Of(gramian.Tasks);
        int[] rows = [.. Enumerable.Range(0, gramian.Count).Where(i => gramian[i, i] > 0)];
        if (rows.Length == 0)
        {
            return p;
        }

        var pairs = SymmetricEigen.Of(Part(gramian, rows)).Significant(rankTolerance).ToArray();
        var squared = Squared(pairs.Select(pair => pair.Value).ToArray());
        double[] preferred = [.. rows.Select(i => p[i])];
        var weights = new double[gramian.Count];
        foreach (var (value, vector) in pairs)
        {
            var coordinate = Math.Sqrt(squared / value) * Dense.Dot(vector, preferred);
            for (var i = 0; i < rows.Length; i++)
            {
                weights[rows[i]] += coordinate * vector[i];
            }
        }

        return weights;
    }

    /// <summary>σ², of ascending eigenvalues.</summary>
    private double Squared(double[] values) => scale switch
    {
        AlignedMTLScale.Median => values[(values.Length - 1) / 2],
        AlignedMTLScale.RootMeanSquare => values.Average(),
        _ => values[0],
    };

    private static double[,] Part(Gramian gramian, int[] rows)
    {
        var part = new double[rows.Length, rows.Length];
        for (var i = 0; i < rows.Length; i++)
        {
            for (var j = 0; j < rows.Length; j++)
            {
                part[i, j] = gramian[rows[i], rows[j]];
            }
        }

        return part;
    }
}
