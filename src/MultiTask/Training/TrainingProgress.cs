namespace MultiTask.Training;

/// <summary>Where a run is: reported after each step, and with a report after each epoch.</summary>
/// <param name="Epoch">The current epoch, from 0.</param>
/// <param name="Epochs">How many epochs there will be; <c>null</c> where the run ends after some number of steps.</param>
/// <param name="Step">How many steps of the epoch are done.</param>
/// <param name="StepsPerEpoch">How many steps the epoch has; <c>null</c> where it is not known beforehand.</param>
/// <param name="Losses">The losses of the last step; none where it was skipped, and none with a report.</param>
/// <param name="Report">The epoch's report, when it has just ended.</param>
public sealed record TrainingProgress(
    int Epoch,
    int? Epochs,
    int Step,
    int? StepsPerEpoch,
    TaskMap<double> Losses,
    EpochReport? Report);
