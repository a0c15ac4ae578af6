using MultiTask.Diagnostics;
using MultiTask.Numerics;

namespace MultiTask.Balancing;

/// <summary>ConFIG: the direction that descends on every task alike, longer the better the gradients agree.</summary>
/// <remarks>
/// <para>
/// Liu, Chu and Thuerey, <i>ConFIG: Towards Conflict-free Training of Physics Informed Neural Networks</i> (ICLR 2025):
/// d = (Σ gᵢ · g_u) g_u, where g_u = 𝒰[U⁺ 1], 𝒰 brings a vector to length 1, and U has the rows 𝒰(gᵢ). Since
/// U⁺ = Uᵀ (U Uᵀ)⁺, all that is needed is the cosine matrix. Preferences are the paper's direction weights: the projections
/// 𝒰(gᵢ) · d are in their proportion. The other lengths are those of the authors' code; its <c>TrackSpecific</c>, the length of
/// one chosen task, is left out, for a batch may lack that task.
/// </para>
/// <para>
/// Of linearly independent gradients, <see cref="IMTLG"/> finds the same line; the length differs. A task whose gradient is exactly
/// zero is left out and gets the weight 0. Of linearly dependent gradients the projections are as near to the preferences as they
/// can be (least squares), and may conflict with a task; where they all vanish, as for two opposite gradients, so do the weights.
/// </para>
/// </remarks>
public sealed class ConFIG : GramianWeighting
{
    private const double Rounding = 1e-9;
    private readonly Preferences preferences;
    private readonly ConFIGLength length;

    /// <summary>ConFIG.</summary>
    /// <param name="preferences">For every task, how fast it should improve for the length of its gradient, &gt; 0; by default alike.</param>
    /// <param name="length">How long the step is; the paper's is <see cref="ConFIGLength.Projection"/>.</param>
    /// <exception cref="ArgumentException">A preference is not positive and finite, or the length is none of its kind.</exception>
    public ConFIG(TaskMap<double>? preferences = null, ConFIGLength length = ConFIGLength.Projection)
        : base(nameof(ConFIG))
    {
        this.preferences = new(preferences, nameof(ConFIG));
        this.length = Arguments.Defined(length, nameof(length));
    }

    /// <inheritdoc/>
    /// <exception cref="ArgumentException">Preferences were given, but none for one of the tasks.</exception>
    public override double[] Weigh(Gramian gramian)
    {
        ArgumentNullException.ThrowIfNull(gramian);
        var wanted = preferences.Of(gramian.Tasks);
        var units = new UnitGradients(gramian);
        double[] b = [.. units.Rows.Select(i => wanted[i])];
        var (x, projections) = units.WithProjections(b);
        if (!projections.Any(p => Math.Abs(p) > Rounding * b.Max()))
        {
            return new double[gramian.Count];
        }

        // ‖U⁺ b‖² = bᵀ (U Uᵀ)⁺ b = b · x.
        var squared = Dense.Dot(x, b);
        var step = Dense.Dot(Lengths(units.Norms), projections);
        return units.ToWeights(x, step / squared);
    }

    private double[] Lengths(double[] norms)
    {
        var one = length switch
        {
            ConFIGLength.Minimum => norms.Min(),
            ConFIGLength.Maximum => norms.Max(),
            ConFIGLength.ArithmeticMean => norms.Average(),
            ConFIGLength.GeometricMean => Math.Exp(norms.Average(Math.Log)),
            ConFIGLength.HarmonicMean => 1 / norms.Average(n => 1 / n),
            _ => double.NaN,
        };
        return length == ConFIGLength.Projection ? norms : Array.ConvertAll(norms, _ => one);
    }
}
