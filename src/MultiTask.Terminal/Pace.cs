using System.Globalization;

namespace MultiTask.Terminal;

/// <summary>How long a training has taken, and how long it will at this pace.</summary>
/// <param name="time">The clock.</param>
internal sealed class Pace(TimeProvider time)
{
    private readonly long start = time.GetTimestamp();
    private long epochStart = time.GetTimestamp();

    /// <summary>Since the beginning.</summary>
    public TimeSpan Elapsed => time.GetElapsedTime(start);

    /// <summary>Since the last epoch ended; the next one begins.</summary>
    public TimeSpan EndEpoch()
    {
        var taken = time.GetElapsedTime(epochStart);
        epochStart = time.GetTimestamp();
        return taken;
    }

    /// <summary>What is left, as <c>1:02:03</c> or <c>2:03</c>; <c>?</c> as long as nothing is done.</summary>
    /// <param name="fraction">The part that is done.</param>
    public string Left(double fraction) => fraction > 0 ? Text(Elapsed * ((1 - fraction) / fraction)) : "?";

    private static string Text(TimeSpan span)
    {
        var seconds = (long)Math.Ceiling(span.TotalSeconds);
        return seconds >= 3600
            ? string.Create(CultureInfo.InvariantCulture, $"{seconds / 3600}:{seconds / 60 % 60:00}:{seconds % 60:00}")
            : string.Create(CultureInfo.InvariantCulture, $"{seconds / 60}:{seconds % 60:00}");
    }
}
