using System.Globalization;

namespace MultiTask.Terminal;

/// <summary>Numbers for people: the same in every culture.</summary>
internal static class Numbers
{
    /// <summary>Four significant digits: <c>0.4123</c>, <c>12.35</c>, <c>1.200e-05</c>.</summary>
    /// <param name="value">The number.</param>
    public static string Text(double value)
    {
        var size = Math.Abs(value);
        var format = size switch
        {
            0 => "0.0000",
            < 0.001 or >= 100_000 => "0.000e+00",
            < 10 => "0.0000",
            < 100 => "0.000",
            < 1000 => "0.00",
            _ => "0.0",
        };
        return double.IsFinite(value) ? value.ToString(format, CultureInfo.InvariantCulture) : value.ToString(CultureInfo.InvariantCulture);
    }

    /// <summary>A duration: <c>0.12 s</c>, <c>12.3 s</c>, <c>612 s</c>.</summary>
    /// <param name="span">The duration.</param>
    public static string Text(TimeSpan span) =>
        span.TotalSeconds.ToString(span.TotalSeconds switch { < 10 => "0.00 s", < 100 => "0.0 s", _ => "0 s" }, CultureInfo.InvariantCulture);
}
