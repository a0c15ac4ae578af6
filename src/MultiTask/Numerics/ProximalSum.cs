using TorchSharp;
using static TorchSharp.torch;

namespace MultiTask.Numerics;

/// <summary>The point, how many rounds it took to find it, and why the search ended.</summary>
internal sealed record ProximalSumSolution(Tensor Point, int Iterations, SolverExit Exit);

/// <summary>One of several norms whose sum is minimised.</summary>
/// <param name="Prox">argmin over z of ½‖z − x‖² + norm(z).</param>
/// <param name="Value">The norm.</param>
internal sealed record ProximalTerm(Func<Tensor, Tensor> Prox, Func<Tensor, double> Value);

/// <summary>The proximal step of a sum of norms, each of which has one: argmin over x of ½‖x − r‖² + Σᵢ gᵢ(x).</summary>
/// <remarks>
/// <para>
/// By the dual, min over u of ½‖r − Σᵢ uᵢ‖² with uᵢ in the unit ball of the norm dual to gᵢ, where x = r − Σᵢ uᵢ: projected
/// gradient steps of 1/m, each projection by one proximal step of gᵢ (Moreau: u − prox(u)), with the momentum of Beck and
/// Teboulle (FISTA, 2009), begun anew where it works against the step (O'Donoghue and Candès, 2015).
/// </para>
/// <para>
/// The primal value less the dual one bounds the error, ½‖x − x*‖² ≤ gap. It ends when the bound is <see cref="Tolerance"/>
/// of ‖r‖, or at the limit of rounds, with the best point found.
/// </para>
/// </remarks>
internal static class ProximalSum
{
    public const double Tolerance = 1e-6;
    private const int Limit = 2000;
    private const int CheckEvery = 5;

    /// <param name="r">r, float64, finite. Call without gradients, inside a dispose scope.</param>
    /// <param name="terms">The norms; at least one.</param>
    public static ProximalSumSolution Solve(Tensor r, IReadOnlyList<ProximalTerm> terms)
    {
        if (terms.Count == 1)
        {
            return new(terms[0].Prox(r), 1, SolverExit.Optimal);
        }

        var target = Tolerance * Tolerance / 2 * Square(r);
        var duals = zeros_like(r).unsqueeze(0).expand([terms.Count, .. r.shape]).clone();
        var ahead = duals;
        var momentum = 1.0;
        var (best, leastGap) = (r, double.PositiveInfinity);
        for (var iteration = 1; iteration <= Limit; iteration++)
        {
            using var scope = NewDisposeScope();
            var (next, following) = Step(r, terms, duals, ahead, ref momentum);
            var keep = new List<Tensor> { next, following };
            if (iteration % CheckEvery == 0)
            {
                var x = r - next.sum(dim: 0L);
                var gap = (Square(x - r) / 2) + terms.Sum(t => t.Value(x)) - ((Square(r) - Square(x)) / 2);
                var ofZero = Square(x) / 2; // where the norms are much stronger than r, x is never near enough to it
                if (Math.Min(gap, ofZero) < leastGap)
                {
                    (best, leastGap) = ofZero < gap ? (zeros_like(r), ofZero) : (x, gap);
                    keep.Add(best);
                }
            }

            (duals, ahead) = (next, following);
            keep.ForEach(t => t.MoveToOuterDisposeScope());
            if (leastGap <= target)
            {
                return new(best, iteration, SolverExit.Optimal);
            }
        }

        return new(best, Limit, SolverExit.IterationLimit);
    }

    private static (Tensor Duals, Tensor Ahead) Step(Tensor r, IReadOnlyList<ProximalTerm> terms, Tensor duals, Tensor ahead, ref double momentum)
    {
        var x = (r - ahead.sum(dim: 0L)) / terms.Count;
        var next = stack(terms.Select((term, i) =>
        {
            var u = ahead[i] + x;
            return u - term.Prox(u);
        }));
        var change = next - duals;
        var uphill = ((ahead - next) * change).sum().ToDouble() > 0;
        var before = uphill ? 1 : momentum;
        momentum = (1 + Math.Sqrt(1 + (4 * before * before))) / 2;
        return (next, uphill ? next + 0 : next + (change * ((before - 1) / momentum)));
    }

    private static double Square(Tensor x) => x.square().sum().ToDouble();
}
