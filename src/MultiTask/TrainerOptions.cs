using MultiTask.Training;
using static TorchSharp.torch.optim;

namespace MultiTask;

/// <summary>How long to train, and what to do on the way. All have defaults.</summary>
public sealed class TrainerOptions
{
    /// <summary>How many epochs, ≥ 1; the default is 10. Ignored where <see cref="Steps"/> is set.</summary>
    public int Epochs { get; init; } = 10;

    /// <summary>How many steps of the optimizer, ≥ 1, instead of epochs; the last epoch may be cut short.</summary>
    public long? Steps { get; init; }

    /// <summary>Where gradients are balanced; the shared parameters by default.</summary>
    public BalanceAt BalanceAt { get; init; }

    /// <summary>
    /// How many batches make a step, ≥ 1; the default is 1. The gradient rungs sum each task's gradient over the batches and
    /// aggregate once, exactly as for one large batch; the loss rungs weigh each batch by itself, which is the same where
    /// weights do not depend on losses.
    /// </summary>
    public int AccumulateBatches { get; init; } = 1;

    /// <summary>The greatest norm of the whole gradient, after balancing, greater than 0; none by default. Clipped as by torch's <c>clip_grad_norm_</c>.</summary>
    public double? ClipGradientNorm { get; init; }

    /// <summary>Makes a learning-rate schedule for the optimizer; none by default.</summary>
    public Func<Optimizer, lr_scheduler.LRScheduler>? Schedule { get; init; }

    /// <summary>
    /// When the schedule moves on; after each epoch by default. A schedule that reads a metric (<c>ReduceLROnPlateau</c>, mode
    /// "min") gets the selection's score, negated: with <see cref="ModelSelection.TotalLoss"/> the total validation loss. Where
    /// scores are above 0, as with an accuracy, give it the threshold mode "abs": in "rel" an equal score passes for a better one.
    /// </summary>
    public ScheduleClock ScheduleClock { get; init; }

    /// <summary>How good the model is after an epoch; the total validation loss by default. Without validation data there is no selection.</summary>
    public ModelSelection Selection { get; init; } = ModelSelection.TotalLoss;

    /// <summary>Ends the run after so many epochs without a better score, ≥ 1; never by default. Needs validation data.</summary>
    public int? Patience { get; init; }

    /// <summary>Whether the model ends with the weights of its best epoch, where there is validation data; true by default.</summary>
    public bool RestoreBest { get; init; } = true;

    /// <summary>What happens when a loss or a gradient is NaN or infinite; an exception by default.</summary>
    public NonFinitePolicy OnNonFinite { get; init; }

    /// <summary>Where to save a checkpoint: after each epoch, and when the run is cancelled or a callback asks for its end. Nowhere by default.</summary>
    public string? CheckpointPath { get; init; }

    /// <summary>Called between steps, in order.</summary>
    public IReadOnlyList<TrainerCallback> Callbacks { get; init; } = [];

    /// <summary>Finds before the first step what does not fit.</summary>
    internal void Check(MultiTaskModel model, Optimizer optimizer, BatchSource? validation)
    {
        Expect(Epochs >= 1, nameof(Epochs), "at least 1", Epochs);
        Expect(Steps is null or >= 1, nameof(Steps), "at least 1", Steps);
        Expect(AccumulateBatches >= 1, nameof(AccumulateBatches), "at least 1", AccumulateBatches);
        Expect(ClipGradientNorm is null or > 0, nameof(ClipGradientNorm), "positive", ClipGradientNorm);
        Expect(Patience is null or >= 1, nameof(Patience), "at least 1", Patience);
        Expect(Patience is null || validation is not null, nameof(Patience), "absent where there is no validation data", Patience);
        Expect(
            BalanceAt == BalanceAt.SharedParameters || AccumulateBatches == 1,
            nameof(AccumulateBatches),
            "1 where gradients are balanced at the representation, which is another one in each batch",
            AccumulateBatches);
        if (validation is not null)
        {
            Selection.Check(model.Tasks.Filter((task, _) => validation.Tasks.Contains(task)));
        }

        if (CheckpointPath is not null)
        {
            AtomicFile.ExpectDirectory(CheckpointPath);
            OptimizerState.EnsureSupported(optimizer);
        }
    }

    internal void Check(ScheduleReplay? schedule, bool validated) => Expect(
        schedule?.NeedsMetric != true || (validated && ScheduleClock == ScheduleClock.Epoch),
        nameof(Schedule),
        "one that reads no metric, because there is one only after an epoch with validation data",
        "ReduceLROnPlateau");

    private static void Expect(bool condition, string name, string expected, object? found)
    {
        if (!condition)
        {
            throw new ArgumentException($"`{name}` should be {expected}. Found {found}.");
        }
    }
}

/// <summary>Where gradients are balanced.</summary>
public enum BalanceAt
{
    /// <summary>At the shared parameters: exact, m backward passes through the trunk. Loss rungs: one.</summary>
    SharedParameters,

    /// <summary>
    /// At the representation: m backward passes through the heads and one through the trunk. An upper bound in place of the
    /// exact gradients; for trunks that give all tasks one representation, or each task one of the same shape.
    /// </summary>
    Representation,
}

/// <summary>When a learning-rate schedule moves on.</summary>
public enum ScheduleClock
{
    /// <summary>After each epoch.</summary>
    Epoch,

    /// <summary>After each step.</summary>
    Step,
}

/// <summary>What happens when a loss or a gradient is NaN or infinite.</summary>
public enum NonFinitePolicy
{
    /// <summary>A <see cref="NonFiniteException"/> that names the task, the step and the value. Model and balancer are as before the step.</summary>
    Throw,

    /// <summary>The step is skipped and counted. Model (running statistics included) and balancer are as before the step.</summary>
    SkipStep,
}
