using System.Numerics;

namespace MultiTask.Diagnostics;

/// <summary>The ranges that arguments of constructors often have.</summary>
internal static class Arguments
{
    public static double NonNegative(double value, string name) => value >= 0 && double.IsFinite(value)
        ? value
        : throw new ArgumentOutOfRangeException(name, $"`{name}` should be non-negative and finite. Found {value}.");

    public static double Positive(double value, string name) => value > 0 && double.IsFinite(value)
        ? value
        : throw new ArgumentOutOfRangeException(name, $"`{name}` should be positive and finite. Found {value}.");

    /// <summary>In [0, 1): a part that is not the whole, such as that of an average which stays.</summary>
    public static double Part(double value, string name) => value is >= 0 and < 1
        ? value
        : throw new ArgumentOutOfRangeException(name, $"`{name}` should be in [0, 1). Found {value}.");

    /// <summary>In [0, 1].</summary>
    public static double Fraction(double value, string name) => value is >= 0 and <= 1
        ? value
        : throw new ArgumentOutOfRangeException(name, $"`{name}` should be in [0, 1]. Found {value}.");

    public static double Finite(double value, string name) => double.IsFinite(value)
        ? value
        : throw new ArgumentOutOfRangeException(name, $"`{name}` should be finite. Found {value}.");

    public static int NonNegative(int value, string name) => value >= 0
        ? value
        : throw new ArgumentOutOfRangeException(name, $"`{name}` should be non-negative. Found {value}.");

    public static T Defined<T>(T value, string name)
        where T : struct, Enum => Enum.IsDefined(value)
        ? value
        : throw new ArgumentOutOfRangeException(name, $"`{name}` should be one of {string.Join(", ", Enum.GetNames<T>())}. Found {value}.");

    public static T AtLeastOne<T>(T value, string name)
        where T : IBinaryInteger<T> => value >= T.One
        ? value
        : throw new ArgumentOutOfRangeException(name, $"`{name}` should be at least 1. Found {value}.");
}
