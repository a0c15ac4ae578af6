namespace MultiTask.Balancing;

/// <summary>The condition of most numbers that a constructor takes.</summary>
internal static class Positive
{
    /// <exception cref="ArgumentOutOfRangeException">The value is not positive and finite.</exception>
    public static double Checked(double value, string name) => value > 0 && double.IsFinite(value)
        ? value
        : throw new ArgumentOutOfRangeException(name, $"`{name}` should be positive and finite. Found {value}.");
}
