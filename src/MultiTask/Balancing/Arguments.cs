namespace MultiTask.Balancing;

/// <summary>The ranges that arguments of methods often have.</summary>
internal static class Arguments
{
    public static double NonNegative(double value, string name) => value >= 0 && double.IsFinite(value)
        ? value
        : throw new ArgumentOutOfRangeException(name, $"`{name}` should be non-negative and finite. Found {value}.");

    public static double Positive(double value, string name) => value > 0 && double.IsFinite(value)
        ? value
        : throw new ArgumentOutOfRangeException(name, $"`{name}` should be positive and finite. Found {value}.");

    /// <summary>In [0, 1): the part of an average that stays.</summary>
    public static double Part(double value, string name) => value is >= 0 and < 1
        ? value
        : throw new ArgumentOutOfRangeException(name, $"`{name}` should be in [0, 1). Found {value}.");

    public static int AtLeastOne(int value, string name) => value >= 1
        ? value
        : throw new ArgumentOutOfRangeException(name, $"`{name}` should be at least 1. Found {value}.");
}
