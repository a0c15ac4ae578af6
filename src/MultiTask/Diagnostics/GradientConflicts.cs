using MultiTask.Numerics;

namespace MultiTask.Diagnostics;

/// <summary>What the inner products of the tasks' gradients say about their conflicts; computed when asked for, without a backward pass.</summary>
/// <remarks>
/// <code>
/// balancer.Backward(losses, model.SharedParameters());
/// var conflicts = new GradientConflicts(balancer.LastGramian!); // of a method on the Gramian rung
/// Console.WriteLine($"{conflicts.ConflictRate:p0}, {conflicts["age", "income"].Cosine:0.00}");
/// </code>
/// Every figure is defined for every Gramian: for one task, for gradients that are zero, the same, or opposite. None is NaN;
/// only <see cref="ConditionNumber"/> may be infinite. Gradients are those that were balanced: of the transformed losses
/// inside a <see cref="LossTransform"/>, by the representation where it is balanced there.
/// </remarks>
public sealed class GradientConflicts
{
    private readonly TaskMap<int> rows;
    private readonly Lazy<IReadOnlyList<GradientPair>> pairs;
    private readonly Lazy<double> conditionNumber;
    private readonly Lazy<double> gap;

    /// <summary>The conflicts of a step.</summary>
    /// <param name="gramian">Its Gramian, such as <see cref="Balancer.LastGramian"/>.</param>
    public GradientConflicts(Gramian gramian)
    {
        ArgumentNullException.ThrowIfNull(gramian);
        Gramian = gramian;
        var next = 0;
        rows = gramian.Losses.Map((_, _) => next++);
        Norms = rows.Map((_, i) => gramian.Norm(i));
        pairs = new(() => [.. from i in rows.Values from j in rows.Values where i < j select GradientPair.Of(gramian, i, j)]);
        conditionNumber = new(FindConditionNumber);
        gap = new(FindGap);
    }

    /// <summary>The Gramian.</summary>
    public Gramian Gramian { get; }

    /// <summary>The names of the tasks, m of them, in the order of the Gramian.</summary>
    public IReadOnlyList<string> Tasks => rows.Tasks;

    /// <summary>‖gᵢ‖ of each task.</summary>
    public TaskMap<double> Norms { get; }

    /// <summary>‖gᵢ‖ / Σ ‖gⱼ‖ of each task. The shares sum to 1; they are 1/m where all gradients are zero.</summary>
    public TaskMap<double> Dominance
    {
        get
        {
            var sum = Norms.Values.Sum();
            return Norms.Map((_, norm) => sum > 0 ? norm / sum : 1.0 / Norms.Count);
        }
    }

    /// <summary>Each pair of tasks once, m(m − 1)/2 of them, in the order of the tasks.</summary>
    public IReadOnlyList<GradientPair> Pairs => pairs.Value;

    /// <summary>The part of the pairs that conflict, in [0, 1]; 0 for one task.</summary>
    public double ConflictRate => Pairs.Count == 0 ? 0 : (double)Pairs.Count(p => p.Conflicts) / Pairs.Count;

    /// <summary>The pair with the smallest cosine, in conflict or not; <c>null</c> for one task.</summary>
    public GradientPair? MostConflicting => Pairs.MinBy(p => p.Cosine);

    /// <summary>The mean of the pairs' magnitude similarities, in [0, 1]; 1 for one task.</summary>
    public double MeanMagnitudeSimilarity => Pairs.Count == 0 ? 1 : Pairs.Average(p => p.MagnitudeSimilarity);

    /// <summary>The greatest of the pairs' curvature-bounding measures, in [0, 4]; 0 for one task.</summary>
    public double MaxCurvature => Pairs.Count == 0 ? 0 : Pairs.Max(p => p.Curvature);

    /// <summary>
    /// σ₁ / σₘ of the Jacobian, ≥ 1: the root of the ratio of the Gramian's outer eigenvalues. Infinite where the gradients are
    /// linearly dependent.
    /// </summary>
    /// <remarks>
    /// Senushkin et al., <i>Independent Component Alignment for Multi-Task Learning</i> (CVPR 2023): the measure of how unstable
    /// the combination of the gradients is. Their code takes the smallest singular value above 0, so that it depends on rounding
    /// whether gradients that are the same have a condition number of 1 or a huge one. Here the eigenvalue λₘ counts as 0 up to
    /// m ε λ₁, which is what float64 knows: above about 7e7/√m, reached also by a gradient that is so much shorter than another
    /// one, the condition number is infinite.
    /// </remarks>
    public double ConditionNumber => conditionNumber.Value;

    /// <summary>
    /// The distance from Pareto stationarity: the norm of the shortest convex combination of the gradients, which is the length
    /// of MGDA's step. 0 where no step helps all tasks.
    /// </summary>
    /// <remarks>
    /// Gradients that are exactly zero are left out, as by <see cref="Balancing.MGDA"/>: by the letter one of them makes every
    /// point stationary, whatever the others say. With all of them zero it is 0. Up to about 1e-8 of the norms may be rounding.
    /// </remarks>
    public double Stationarity => gap.Value * Math.Sqrt(Largest);

    /// <summary>
    /// <see cref="Stationarity"/> in units of the shortest gradient that is not zero, in [0, 1]: 1 where that one is the way to
    /// go for all, 0 where the gradients cancel. It does not depend on the gradients' common scale.
    /// </summary>
    public double RelativeStationarity
    {
        get
        {
            var shortest = Norms.Values.Where(norm => norm > 0).DefaultIfEmpty(0).Min();
            return shortest > 0 ? Math.Min(1, Stationarity / shortest) : 0;
        }
    }

    /// <summary>Two tasks.</summary>
    /// <param name="first">The name of the one.</param>
    /// <param name="second">The name of the other.</param>
    /// <exception cref="KeyNotFoundException">There is no such task here; the message lists those there are.</exception>
    public GradientPair this[string first, string second] => GradientPair.Of(Gramian, rows[first], rows[second]);

    /// <summary>Whether a task had a gradient.</summary>
    /// <param name="task">Its name.</param>
    public bool Contains(string task) => rows.Contains(task);

    private double Largest => rows.Values.Max(i => Gramian[i, i]);

    /// <summary>G / max Gᵢᵢ, where not all is zero: no later square or quotient leaves the range.</summary>
    private double[,] Scaled()
    {
        var m = Gramian.Count;
        var largest = Largest;
        var scaled = new double[m, m];
        for (var i = 0; i < m; i++)
        {
            for (var j = 0; j < m; j++)
            {
                scaled[i, j] = Gramian[i, j] / largest;
            }
        }

        return scaled;
    }

    private double FindConditionNumber()
    {
        if (Largest == 0)
        {
            return double.PositiveInfinity;
        }

        var eigenvalues = SymmetricEigen.ValuesOf(Scaled());
        var (least, greatest) = (eigenvalues[0], eigenvalues[^1]);
        return least <= Gramian.Count * Dense.Epsilon * greatest ? double.PositiveInfinity : Math.Sqrt(greatest / least);
    }

    private double FindGap()
    {
        if (Largest == 0)
        {
            return 0;
        }

        var g = new Gramian(Scaled());
        return g.NormOf(MinNorm.Solve(g).Weights);
    }
}
