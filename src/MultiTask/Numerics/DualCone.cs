namespace MultiTask.Numerics;

/// <summary>The weights of the projection, how many rounds it took to find it, and why the search ended.</summary>
internal sealed record DualConeSolution(double[] Weights, int Iterations, SolverExit Exit);

/// <summary>
/// The projection of a sum Σ uᵢgᵢ, u ≥ 0, onto the cone of the directions that conflict with no gradient, {d : gᵢ·d ≥ 0}.
/// </summary>
/// <remarks>
/// By duality it is d = Σ vᵢgᵢ with the v that minimises vᵀGv over v ≥ u (Quinton and Rey, <i>Jacobian Descent for
/// Multi-Objective Optimization</i>, 2024, proposition 1): non-negative least squares for v − u. Solved as such, exactly, by
/// the active set of Lawson and Hanson (<i>Solving Least Squares Problems</i>, 1974, chapter 23) in terms of the Gramian. The
/// members are the gradients that d is orthogonal to; each round lets in the one that is most in conflict with d. A
/// gradient that is exactly zero keeps its uᵢ.
/// </remarks>
internal sealed class DualCone
{
    private readonly double[][] g;
    private readonly Cholesky factor;
    private readonly List<int> factored = [];

    /// <param name="gramian">The inner products of the gradients.</param>
    public DualCone(Gramian gramian)
    {
        g = ActiveSet.Definite(gramian);
        factor = new(gramian.Count);
    }

    /// <summary>v.</summary>
    /// <param name="u">Weights ≥ 0, one for each gradient.</param>
    public DualConeSolution Project(double[] u) => new Faces(this, u).Solve();

    /// <summary>The factor of the Gramian of some gradients; what the last ones had in common with these is not done again.</summary>
    private Cholesky Factor(List<int> members)
    {
        var same = 0;
        while (same < members.Count && same < factored.Count && members[same] == factored[same])
        {
            same++;
        }

        factor.Truncate(same);
        factored.RemoveRange(same, factored.Count - same);
        var row = new double[members.Count];
        for (var i = same; i < members.Count; i++)
        {
            for (var j = 0; j <= i; j++)
            {
                row[j] = g[members[i]][members[j]];
            }

            factor.Append(row);
            factored.Add(members[i]);
        }

        return factor;
    }

    /// <summary>The faces of the cone that d lies on, and the best weights so far.</summary>
    private sealed class Faces(DualCone cone, double[] u) : ActiveSet(cone.g, u, u, [])
    {
        public DualConeSolution Solve()
        {
            var (iterations, exit) = Search();
            return new((double[])V.Clone(), iterations, exit);
        }

        protected override int MostViolating()
        {
            var length = 0.0;
            for (var i = 0; i < V.Length; i++)
            {
                length += V[i] * Norms[i];
            }

            var (worst, violation) = (-1, Rounding * length);
            for (var j = 0; j < V.Length; j++)
            {
                if (Norms[j] > 0 && -Products[j] / Norms[j] > violation && !Members.Contains(j))
                {
                    (worst, violation) = (j, -Products[j] / Norms[j]);
                }
            }

            return worst;
        }

        /// <summary>To where d is orthogonal to all members.</summary>
        protected override double[] Way() =>
            cone.Factor(Members).Solve([.. Members.Select(i => -Products[i])]);
    }
}
