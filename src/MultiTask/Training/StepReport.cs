namespace MultiTask.Training;

/// <summary>What came of one step.</summary>
/// <param name="Epoch">The epoch, from 0.</param>
/// <param name="Step">The step since the beginning of the run, from 1; one that was skipped leaves its number to the next.</param>
/// <param name="Losses">The losses of the tasks that had a label; none where the step was skipped.</param>
/// <param name="Labels">How many labels each of them had.</param>
/// <param name="Skipped">Whether the optimizer's step was left out, for lack of labels or for a value that is not finite.</param>
public sealed record StepReport(int Epoch, long Step, TaskMap<double> Losses, TaskMap<long> Labels, bool Skipped)
{
    /// <summary>
    /// The value that is not finite, for which the step was skipped; or, where it was not, which a balancer that looks at
    /// the losses after the step found there. <c>null</c> where there is none.
    /// </summary>
    public NonFiniteException? Fault { get; init; }
}
