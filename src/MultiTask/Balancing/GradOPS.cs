using MultiTask.Diagnostics;
using MultiTask.Numerics;

namespace MultiTask.Balancing;

/// <summary>GradOPS: takes from a gradient in conflict all that lies in the span of the others.</summary>
/// <remarks>
/// <para>
/// Zhu et al., <i>Gradient Deconfliction via Orthogonal Projections onto Subspaces For Multi-task Learning</i> (WSDM 2025): where gᵢ
/// conflicts with another gradient, gᵢ′ is its part orthogonal to all the others, else gᵢ′ = gᵢ. So no gᵢ′ conflicts with any
/// gⱼ, nor does any sum of them with positive weights: d = Σ wᵢ gᵢ′, where wᵢ is in proportion to Rᵢ^α, with the mean 1, and
/// Rᵢ = gᵢ · Σ gⱼ′ / ‖gᵢ‖² says how far the unweighted sum goes along gᵢ. α &gt; 0 favours the tasks that have most of the sum,
/// α &lt; 0 the weaker ones, α = 0 none. For two tasks and α = 0 it is <see cref="PCGrad"/>.
/// </para>
/// <para>
/// <b>Not checked against the paper's text</b>, which was not to be had: the formula of R, and that a task without conflict stays as it
/// is. The projection is that of the paper's abstract and figure 1.
/// </para>
/// <para>
/// With C the cosine matrix, the part of gᵢ orthogonal to the others is Σⱼ (C⁻¹)ᵢⱼ / (C⁻¹)ᵢᵢ · ‖gᵢ‖ uⱼ: one factorisation takes the
/// place of the paper's Gram-Schmidt for each task, and only inner products are needed. A task that is in the span of the
/// others (to 1e-6 of its length) and in conflict has gᵢ′ = 0 and no say in the mean. With more tasks than the gradients have
/// dimensions that is so for all in conflict. An inner product that passes 0 makes d jump. Zero gradients get the weight 0.
/// </para>
/// </remarks>
public sealed class GradOPS : GramianWeighting
{
    private readonly double alpha;

    /// <summary>GradOPS.</summary>
    /// <param name="alpha">α, finite: above 0 for the tasks that do well, below 0 for those that do not; the default is 0, for neither.</param>
    /// <exception cref="ArgumentOutOfRangeException"><paramref name="alpha"/> is not finite.</exception>
    public GradOPS(double alpha = 0)
        : base(nameof(GradOPS))
    {
        this.alpha = Arguments.Finite(alpha, nameof(alpha));
    }

    /// <inheritdoc/>
    public override double[] Weigh(Gramian gramian)
    {
        ArgumentNullException.ThrowIfNull(gramian);
        var units = new UnitGradients(gramian);
        var parts = Project(units);
        var w = Reweigh(units, parts);
        var weights = new double[gramian.Count];
        for (var i = 0; i < w.Length; i++)
        {
            var part = units.ToWeights(parts[i].Coordinates, w[i] * units.Norms[i]);
            for (var j = 0; j < weights.Length; j++)
            {
                weights[j] += part[j];
            }
        }

        return weights;
    }

    /// <summary>gᵢ′ / ‖gᵢ‖ for each i.</summary>
    internal static Part[] Project(UnitGradients units)
    {
        var n = units.Rows.Length;
        var factor = new Cholesky(Definite(units.Cosines));
        return [.. Enumerable.Range(0, n).Select(i =>
        {
            var unit = new double[n];
            unit[i] = 1;
            if (Enumerable.Range(0, n).All(j => units.Cosines[i, j] >= 0))
            {
                return new Part(unit, InConflict: false, Left: 1);
            }

            var column = factor.Solve(unit);
            var left = column[i] * SymmetricEigen.RankTolerance < 1 ? 1 / column[i] : 0;
            return new Part(Array.ConvertAll(column, c => c * left), InConflict: true, left);
        })];
    }

    /// <summary>C, its diagonal enlarged by as much as rounding may have taken from it.</summary>
    private static double[,] Definite(double[,] cosines)
    {
        var definite = (double[,])cosines.Clone();
        var n = definite.GetLength(0);
        for (var i = 0; i < n; i++)
        {
            definite[i, i] += 4 * Dense.Epsilon * n;
        }

        return definite;
    }

    /// <summary>wᵢ, in proportion to Rᵢ^α, with the mean 1 over the tasks of which something is left; 0 for the others.</summary>
    private double[] Reweigh(UnitGradients units, Part[] parts)
    {
        var w = new double[parts.Length];
        int[] left = [.. Enumerable.Range(0, parts.Length).Where(i => parts[i].Left > 0)];
        if (left.Length > 0)
        {
            var shares = Softmax.Of(Array.ConvertAll(left, i => alpha * Math.Log(Along(units, parts, i))));
            for (var k = 0; k < left.Length; k++)
            {
                w[left[k]] = left.Length * shares[k];
            }
        }

        return w;
    }

    /// <summary>Rᵢ: what is left of gᵢ itself, and what the gradients that are in no conflict have along it.</summary>
    private static double Along(UnitGradients units, Part[] parts, int i)
    {
        var sum = parts[i].Left;
        for (var j = 0; j < parts.Length; j++)
        {
            if (j != i && !parts[j].InConflict)
            {
                sum += units.Cosines[i, j] * units.Norms[j] / units.Norms[i];
            }
        }

        return sum;
    }

    /// <summary>What is left of a unit gradient.</summary>
    /// <param name="Coordinates">In the unit gradients; all 0 where nothing is left.</param>
    /// <param name="InConflict">Whether it was projected: it is orthogonal to all others then.</param>
    /// <param name="Left">Its product with the unit gradient: the squared sine of the angle to the others, or 1 without conflict.</param>
    internal sealed record Part(double[] Coordinates, bool InConflict, double Left);
}
