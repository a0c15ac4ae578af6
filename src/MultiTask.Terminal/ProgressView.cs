namespace MultiTask.Terminal;

/// <summary>A way to show a training.</summary>
internal abstract class ProgressView
{
    /// <summary>Shows that a step was made.</summary>
    /// <param name="position">How far the training is.</param>
    public abstract void ShowStep(Position position);

    /// <summary>Shows what came out of an epoch.</summary>
    /// <param name="position">How far the training is.</param>
    /// <param name="results">What came out.</param>
    public abstract void ShowEpoch(Position position, EpochResults results);

    /// <summary>Removes what was only for the moment.</summary>
    public abstract void Close();
}

/// <summary>A number with a name.</summary>
/// <param name="Name">The name.</param>
/// <param name="Value">The number.</param>
internal readonly record struct Result(string Name, double Value);

/// <summary>What came out of an epoch.</summary>
/// <param name="Totals">The losses over all tasks, shown beside the bar, too.</param>
/// <param name="Tasks">The results of the tasks, the most important first.</param>
internal sealed record EpochResults(IReadOnlyList<Result> Totals, IReadOnlyList<Result> Tasks)
{
    /// <summary>The totals, then the tasks.</summary>
    public IReadOnlyList<Result> All { get; } = [.. Totals, .. Tasks];
}

/// <summary>How far a training is.</summary>
/// <param name="Epoch">The epoch, from 1.</param>
/// <param name="Epochs">How many there will be; <c>null</c> if that is not known.</param>
/// <param name="Step">How many steps of the epoch are done.</param>
/// <param name="Steps">How many steps an epoch has; 0 if that is not known.</param>
internal readonly record struct Position(int Epoch, int? Epochs, int Step, int Steps)
{
    /// <summary>The part that is done, from 0 to 1; an epoch whose length is unknown counts when it has ended.</summary>
    public double Fraction => Epochs is { } all
        ? Math.Clamp((Epoch - 1 + (Steps > 0 ? (double)Step / Steps : 0)) / Math.Max(1, all), 0, 1)
        : 0;

    /// <summary>For people: <c>epoch 3/20</c>, or <c>epoch 3</c>.</summary>
    public string Text => Epochs is { } all ? $"epoch {Epoch}/{all}" : $"epoch {Epoch}";

    /// <summary>The same with the epoch ended.</summary>
    public Position Ended => this with { Step = Math.Max(1, Steps), Steps = Math.Max(1, Steps) };
}
