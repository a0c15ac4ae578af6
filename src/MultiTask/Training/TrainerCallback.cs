namespace MultiTask.Training;

/// <summary>Hooks into the trainer's loop; override those you need. They run on the training thread, between steps.</summary>
/// <remarks>
/// The weights and the Gramian of the last step are the balancer's <see cref="Balancer.LastWeights"/> and
/// <see cref="Balancer.LastGramian"/>. A callback may save a checkpoint or ask for the end of the run
/// (<see cref="Trainer.RequestStop"/>).
/// </remarks>
public abstract class TrainerCallback
{
    /// <summary>Before the first step of a run, when the model is in training mode; for what has to be so from the beginning.</summary>
    /// <param name="trainer">The trainer.</param>
    /// <param name="epoch">The epoch that the run begins with: 0, or where a run that is resumed goes on.</param>
    /// <param name="batchesRead">How many of the epoch's batches were read before: 0, unless a run goes on in the middle of an epoch.</param>
    public virtual void OnStart(Trainer trainer, int epoch, int batchesRead)
    {
    }

    /// <summary>After each step, skipped or not. The gradients are still there; a tensor made here goes with the step, unless it is detached from its scope.</summary>
    /// <param name="trainer">The trainer.</param>
    /// <param name="report">What came of the step.</param>
    public virtual void OnStep(Trainer trainer, StepReport report)
    {
    }

    /// <summary>After each epoch, validation included.</summary>
    /// <param name="trainer">The trainer.</param>
    /// <param name="report">What came of the epoch.</param>
    public virtual void OnEpoch(Trainer trainer, EpochReport report)
    {
    }
}
