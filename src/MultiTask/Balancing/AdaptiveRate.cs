using MultiTask.Diagnostics;

namespace MultiTask.Balancing;

/// <summary>How an adaptive optimizer scales a gradient: m / (√v + ε), with m and v what is left of the gradients and their squares.</summary>
/// <remarks>As torch's optimizers do with their defaults, without weight decay.</remarks>
public sealed class AdaptiveRate
{
    private readonly double first;
    private readonly double second;
    private readonly bool corrected;

    private AdaptiveRate(double first, double second, double added, bool corrected, double epsilon)
    {
        (this.first, this.second, Added, this.corrected, Epsilon) = (first, second, added, corrected, epsilon);
    }

    /// <summary>m stays for this part.</summary>
    internal double First => first;

    /// <summary>v stays for this part.</summary>
    internal double Second => second;

    /// <summary>This part of g² is added to v.</summary>
    internal double Added { get; }

    /// <summary>ε.</summary>
    internal double Epsilon { get; }

    /// <summary>Adam (Kingma and Ba, 2015).</summary>
    /// <param name="beta1">In [0, 1): the part of m that stays; the default is 0.9.</param>
    /// <param name="beta2">In [0, 1): the part of v that stays; the default is 0.999.</param>
    /// <param name="epsilon">ε > 0; the default is 1e-8.</param>
    /// <exception cref="ArgumentOutOfRangeException">An argument is out of its range.</exception>
    public static AdaptiveRate Adam(double beta1 = 0.9, double beta2 = 0.999, double epsilon = 1e-8) => new(
        Arguments.Part(beta1, nameof(beta1)),
        Arguments.Part(beta2, nameof(beta2)),
        1 - beta2,
        corrected: true,
        Arguments.Positive(epsilon, nameof(epsilon)));

    /// <summary>Adagrad (Duchi et al., 2011): v is the sum of all squares.</summary>
    /// <param name="epsilon">ε > 0; the default is 1e-10.</param>
    /// <exception cref="ArgumentOutOfRangeException">An argument is out of its range.</exception>
    public static AdaptiveRate Adagrad(double epsilon = 1e-10) => new(0, 1, 1, corrected: false, Arguments.Positive(epsilon, nameof(epsilon)));

    /// <summary>RMSProp (Tieleman and Hinton, 2012).</summary>
    /// <param name="alpha">In [0, 1): the part of v that stays; the default is 0.99.</param>
    /// <param name="epsilon">ε > 0; the default is 1e-8.</param>
    /// <exception cref="ArgumentOutOfRangeException">An argument is out of its range.</exception>
    public static AdaptiveRate RMSProp(double alpha = 0.99, double epsilon = 1e-8) => new(
        0, Arguments.Part(alpha, nameof(alpha)), 1 - alpha, corrected: false, Arguments.Positive(epsilon, nameof(epsilon)));

    /// <summary>By what m and v are too small after k steps, because they began at 0.</summary>
    internal (double First, double Second) Correction(double k) =>
        corrected ? (1 - Math.Pow(first, k), 1 - Math.Pow(second, k)) : (1, 1);
}
