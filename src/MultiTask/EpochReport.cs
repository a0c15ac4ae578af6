using MultiTask.Training;

namespace MultiTask;

/// <summary>What came of one epoch.</summary>
/// <param name="Epoch">The epoch's number, from 0.</param>
/// <param name="Steps">How many steps the optimizer has made since the beginning of the run.</param>
/// <param name="Train">The losses while training, averaged over the labels of the epoch; no metrics.</param>
/// <param name="Validation">The model after the epoch on the validation data; <c>null</c> without such data.</param>
/// <param name="LearningRate">The learning rate of the first parameter group in the last step.</param>
/// <param name="SkippedSteps">How many steps of the epoch were skipped, for lack of labels or for a value that is not finite.</param>
/// <param name="Score">What model selection made of the report, higher is better; NaN without selection.</param>
/// <param name="IsBest">Whether this is the best epoch so far.</param>
/// <param name="Duration">How long the epoch took, validation included.</param>
public sealed record EpochReport(
    int Epoch,
    long Steps,
    Evaluation Train,
    Evaluation? Validation,
    double LearningRate,
    int SkippedSteps,
    double Score,
    bool IsBest,
    TimeSpan Duration);
