namespace ToyProblem;

/// <summary>How far every method walks.</summary>
/// <param name="Steps">The most steps of Adam from a start.</param>
/// <param name="LearningRate">Adam's.</param>
/// <param name="Scale">The factor of the first task's loss.</param>
internal sealed record Settings(int Steps, double LearningRate, double Scale = 0.1)
{
    /// <summary>Twice as far as the papers, in steps five times as long.</summary>
    public static readonly Settings Usual = new(20_000, 5e-3);

    /// <summary>Those of the FAMO paper.</summary>
    public static readonly Settings Paper = new(50_000, 1e-3);

    /// <summary>To see that it runs.</summary>
    public static readonly Settings Brief = new(60, 1e-1);
}
