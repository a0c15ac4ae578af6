namespace MultiTask.Sharing;

/// <summary>How long a trunk has been trained: what a schedule of soft sharing reads.</summary>
/// <param name="Steps">How many steps of the optimizer have been made.</param>
/// <param name="Epochs">How many epochs have ended.</param>
public readonly record struct SharingClock(long Steps, long Epochs);
