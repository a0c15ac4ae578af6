namespace MultiTask.Metrics;

/// <summary>How the answers to one class went, in weights.</summary>
/// <param name="TruePositive">Labels of the class, answered so.</param>
/// <param name="FalsePositive">Labels of another class, answered with this one.</param>
/// <param name="FalseNegative">Labels of the class, answered with another one.</param>
/// <param name="Seen">Whether the class counts in averages.</param>
internal readonly record struct Counts(double TruePositive, double FalsePositive, double FalseNegative, bool Seen)
{
    public static Counts operator +(Counts a, Counts b) => new(
        a.TruePositive + b.TruePositive, a.FalsePositive + b.FalsePositive, a.FalseNegative + b.FalseNegative, a.Seen || b.Seen);

    /// <summary>A quotient, 0 where it would be 0 / 0.</summary>
    public static double Ratio(double part, double whole) => whole == 0 ? 0 : part / whole;
}
