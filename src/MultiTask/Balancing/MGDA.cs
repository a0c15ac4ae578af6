using MultiTask.Diagnostics;
using MultiTask.Numerics;

namespace MultiTask.Balancing;

/// <summary>MGDA: the shortest vector in the convex hull of the gradients, which descends on every task.</summary>
/// <remarks>
/// <para>
/// Désidéri, <i>Multiple-gradient descent algorithm</i> (2012); Sener and Koltun, <i>Multi-Task Learning as Multi-Objective
/// Optimization</i> (NeurIPS 2018), eq. 3: weights w ≥ 0, Σ w = 1 that minimise ‖Σ wᵢ gᵢ‖. Found exactly, by Wolfe's
/// algorithm; the iterations of LibMTL and TorchJD end early, and then may conflict with a task. The step is never longer
/// than the smallest gradient, so tasks with large gradients are all but ignored. A task whose gradient is exactly zero is
/// left out and gets the weight 0 (by the letter it would get all of it, and training would stop); where all are zero, the
/// weights are 1/m.
/// </para>
/// <para>
/// With a normalisation, which is in the code of Sener and Koltun but not in the paper, the hull is that of gᵢ/cᵢ, and the
/// weights are those of its shortest vector: wᵢ/cᵢ on gᵢ. As in LibMTL, the step is that vector, which conflicts with no
/// task. The authors' code looks for w in the normalised hull but then puts w on gᵢ itself, which may conflict.
/// </para>
/// </remarks>
public sealed class MGDA : GramianWeighting
{
    private readonly MGDANormalization normalization;

    /// <summary>MGDA.</summary>
    /// <param name="normalization">What each gradient is divided by; nothing, by default.</param>
    /// <exception cref="ArgumentException">It is none of the normalisations.</exception>
    public MGDA(MGDANormalization normalization = MGDANormalization.None)
        : base(nameof(MGDA)) => this.normalization = Arguments.Defined(normalization, nameof(normalization));

    /// <inheritdoc/>
    /// <exception cref="ArgumentException">It is normalised by losses, and one is negative or not known.</exception>
    /// <exception cref="NonFiniteException">It is normalised by losses, and one is 0.</exception>
    public override double[] Weigh(Gramian gramian)
    {
        ArgumentNullException.ThrowIfNull(gramian);
        var c = Normalizers(gramian);
        var w = MinNorm.Solve(Normalized(gramian, c)).Weights;
        return [.. w.Zip(c, (weight, divisor) => weight / divisor)];
    }

    /// <summary>What the gradients are divided by; a gradient of length 0 has its length left out.</summary>
    private double[] Normalizers(Gramian g)
    {
        double Length(int i) => g.Norm(i) > 0 ? g.Norm(i) : 1;
        double Loss(int i) => Positive(g.Tasks[i], g.Losses[g.Tasks[i]]);
        return normalization switch
        {
            MGDANormalization.L2 => [.. Enumerable.Range(0, g.Count).Select(Length)],
            MGDANormalization.Loss => [.. Enumerable.Range(0, g.Count).Select(Loss)],
            MGDANormalization.LossPlus => [.. Enumerable.Range(0, g.Count).Select(i => Loss(i) * Length(i))],
            _ => [.. Enumerable.Repeat(1.0, g.Count)],
        };
    }

    private static double Positive(string task, double loss) =>
        loss > 0 ? loss
        : loss == 0 ? throw new NonFiniteException(task, "inverse of the loss", double.PositiveInfinity)
        : throw new ArgumentException(
            $"Task '{task}': MGDA normalised by losses needs them positive. Found {(double.IsNaN(loss) ? "a loss that is not known" : loss)}.");

    /// <summary>The Gramian of gᵢ/cᵢ, times a number that keeps it in the range of double.</summary>
    private static Gramian Normalized(Gramian g, double[] c)
    {
        var least = c.Min();
        var entries = new double[g.Count, g.Count];
        for (var i = 0; i < g.Count; i++)
        {
            for (var j = 0; j < g.Count; j++)
            {
                entries[i, j] = g[i, j] * ((least / c[i]) * (least / c[j]));
            }
        }

        return new(entries);
    }
}
