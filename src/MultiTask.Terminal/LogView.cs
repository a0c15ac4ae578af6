namespace MultiTask.Terminal;

/// <summary>One plain line an epoch, however long: for files and pipes, to be read and searched.</summary>
/// <param name="writer">Where lines go.</param>
/// <param name="pace">The time.</param>
internal sealed class LogView(TextWriter writer, Pace pace) : ProgressView
{
    /// <inheritdoc/>
    public override void ShowStep(Position position)
    {
        // Between epochs a log stays silent.
    }

    /// <inheritdoc/>
    public override void ShowEpoch(Position position, EpochResults results)
    {
        var numbers = string.Join("  ", results.All.Select(r => $"{r.Name} {Numbers.Text(r.Value)}"));
        writer.WriteLine($"{position.Text}  {numbers}  ({Numbers.Text(pace.EndEpoch())}, {pace.Left(position.Ended.Fraction)} left)");
        writer.Flush();
    }

    /// <inheritdoc/>
    public override void Close() => writer.Flush();
}
