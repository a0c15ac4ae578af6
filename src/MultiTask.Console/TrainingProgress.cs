namespace MultiTask.Console;

/// <summary>How far a training is.</summary>
/// <param name="Epoch">The epoch, from 1.</param>
/// <param name="Epochs">How many epochs there will be at most.</param>
/// <param name="Step">How many steps of the epoch are done.</param>
/// <param name="StepsPerEpoch">How many steps an epoch has; 0 if that is not known.</param>
/// <param name="Report">What came out of the epoch, when it has ended; otherwise <c>null</c>.</param>
public sealed record TrainingProgress(int Epoch, int Epochs, int Step, int StepsPerEpoch, EpochReport? Report = null);

/// <summary>What came out of an epoch.</summary>
/// <param name="TrainingLoss">The total loss on the training data.</param>
/// <param name="ValidationLoss">The total loss on the validation data, if there are any.</param>
/// <param name="Tasks">The same for each task, with its metrics.</param>
public sealed record EpochReport(double TrainingLoss, double? ValidationLoss, IReadOnlyList<TaskReport> Tasks);

/// <summary>What came out of an epoch for one task.</summary>
/// <param name="Task">The task's name.</param>
/// <param name="Loss">Its loss, on the validation data if there are any.</param>
/// <param name="Metrics">Its metrics by name.</param>
public sealed record TaskReport(string Task, double Loss, IReadOnlyList<(string Name, double Value)> Metrics);
