using System.Diagnostics.CodeAnalysis;
using MultiTask.Diagnostics;
using MultiTask.Training;
using TorchSharp.Modules;
using static TorchSharp.torch;

namespace MultiTask;

/// <summary>Trains a model with a balancer and an optimizer: the loop, nothing else.</summary>
/// <remarks>
/// A step: gradients to null; outputs and losses of the batch; <see cref="Balancer.Backward(TaskMap{Tensor}, IEnumerable{Parameter})"/>;
/// the trunk's penalty; clipping; the optimizer. The trainer knows no method and no architecture by name. It works on the
/// thread that calls it, leaves the model in the mode it found it in (what is frozen does not train: <see cref="Freezing"/>), and touches no global state but torch's random
/// numbers, which a resumed run sets to where the stopped one left them. It disposes the optimizer, not the model and not
/// the balancer.
/// </remarks>
public sealed class Trainer : IDisposable
{
    private readonly IReadOnlyList<Parameter> parameters;
    private Checkpoint? resumed;
    private TrainingRun? run;
    private Func<TrainingRun, RunDocument>? document;
    private bool stopRequested;

    /// <summary>A trainer.</summary>
    /// <param name="model">The model, already on its device and in its dtype.</param>
    /// <param name="balancer">How losses become gradients; on the same device.</param>
    /// <param name="optimizer">Makes the optimizer of the given parameters: the model's, and those that the balancer learns.</param>
    public Trainer(MultiTaskModel model, Balancer balancer, Func<IReadOnlyList<Parameter>, optim.Optimizer> optimizer)
    {
        ArgumentNullException.ThrowIfNull(model);
        ArgumentNullException.ThrowIfNull(balancer);
        ArgumentNullException.ThrowIfNull(optimizer);
        Model = model;
        Balancer = balancer;
        parameters = [.. model.parameters().Concat(balancer.parameters()).DistinctBy(p => p.Handle)];
        Optimizer = optimizer(parameters) ?? throw new ArgumentException("`optimizer` should make an optimizer. It gave null.", nameof(optimizer));
    }

    /// <summary>The model.</summary>
    public MultiTaskModel Model { get; }

    /// <summary>The balancer.</summary>
    public Balancer Balancer { get; }

    /// <summary>The optimizer.</summary>
    public optim.Optimizer Optimizer { get; }

    /// <summary>Trains the model.</summary>
    /// <remarks>
    /// Each call is a run of its own, from epoch 0, that begins with model, balancer and optimizer as they are; after
    /// <see cref="LoadCheckpoint"/> the first call goes on with the run that was saved.
    /// </remarks>
    /// <param name="train">The training data.</param>
    /// <param name="validation">
    /// Data to select the model by and to stop early on; never test data. Read in evaluation mode after each epoch, always
    /// as its epoch 0, so best in order.
    /// </param>
    /// <param name="options">How long, and what to do on the way; the defaults where there are none.</param>
    /// <param name="progress">Told after each step and each epoch.</param>
    /// <param name="cancellationToken">
    /// Ends the run between two steps: with a checkpoint first, where <see cref="TrainerOptions.CheckpointPath"/> is set.
    /// </param>
    /// <returns>What came of each epoch.</returns>
    /// <exception cref="ArgumentException">Data, model and options do not fit each other; found before the first step.</exception>
    /// <exception cref="InvalidDataException">The checkpoint that was loaded belongs to a run on other data, or with another schedule; nothing was trained.</exception>
    /// <exception cref="NonFiniteException">A loss, a gradient or an input is NaN or infinite. Model and balancer are as before the step.</exception>
    /// <exception cref="InvalidOperationException">Every step of an epoch had to be skipped.</exception>
    /// <exception cref="OperationCanceledException">The run was cancelled. The model is as after the last whole step.</exception>
    public TrainingHistory Fit(
        BatchSource train,
        BatchSource? validation = null,
        TrainerOptions? options = null,
        IProgress<TrainingProgress>? progress = null,
        CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(train);
        options ??= new();
        options.Check(Model, Optimizer, validation);
        if (options.BalanceAt == BalanceAt.Representation)
        {
            Balancer.ExpectRepresentation();
        }

        FirstBatch.Check(Model, train, "training", options.BalanceAt);
        if (validation is not null)
        {
            FirstBatch.Check(Model, validation, "validation", BalanceAt.SharedParameters);
        }

        resumed?.ExpectSame(train.Fingerprint, validation?.Fingerprint, hasSchedule: options.Schedule is not null);
        var schedule = options.Schedule is { } make ? new ScheduleReplay(make(Optimizer)) : null;
        options.Check(schedule, validated: validation is not null);
        Begin(schedule);
        document = r => r.Save(TrainingSetup.Of(Model, Balancer), train.Fingerprint, validation?.Fingerprint, schedule?.History);
        stopRequested = false;

        using var mode = new ModeScope(Model, training: true);
        foreach (var callback in options.Callbacks)
        {
            callback.OnStart(this, run.Epoch, run.BatchesRead);
        }

        using var loop = new TrainingLoop(this, run, train, validation, options, schedule, progress, parameters);
        var reason = loop.Run(() => stopRequested, cancellationToken);
        if (options.RestoreBest && run.Best.Count > 0)
        {
            ModuleState.Restore(Model, run.Best, "the best epoch's state");
        }

        return new([.. run.Epochs], reason);
    }

    /// <summary>Runs the model over data, in evaluation mode and without gradients.</summary>
    /// <param name="data">The data; its epoch 0 is read.</param>
    /// <param name="cancellationToken">Ends the evaluation between two batches.</param>
    /// <returns>Losses, averaged over labels, and each task's metrics.</returns>
    /// <exception cref="ArgumentException">The data have a task that the model has not.</exception>
    public Evaluation Evaluate(BatchSource data, CancellationToken cancellationToken = default)
    {
        ArgumentNullException.ThrowIfNull(data);
        TaskNames.ExpectKnown(data.Tasks, Model.Tasks.Tasks, "The model");
        return Evaluator.Evaluate(Model, data, cancellationToken);
    }

    /// <summary>Asks the run to end after the current step; for callbacks.</summary>
    public void RequestStop() => stopRequested = true;

    /// <summary>
    /// Saves everything that the run needs to go on: model, balancer, optimizer, schedule, position in the data, random
    /// numbers, history, best weights. One file, written whole or not at all.
    /// </summary>
    /// <remarks>
    /// For callbacks. After <see cref="Fit"/> the model may have the weights of its best epoch
    /// (<see cref="TrainerOptions.RestoreBest"/>), and a run that is resumed from there goes on with these.
    /// </remarks>
    /// <param name="path">Where to; an existing file is replaced, or left as it was when the save fails.</param>
    /// <exception cref="InvalidOperationException">There is no run yet.</exception>
    /// <exception cref="IOException">The file cannot be written.</exception>
    public void SaveCheckpoint(string path)
    {
        if (run is null || document is null)
        {
            throw new InvalidOperationException("There is no run to save yet. Call Fit first, or save from a callback.");
        }

        Checkpoint.Save(path, Model, Balancer, Optimizer, document(run), run);
    }

    /// <summary>Loads a checkpoint into this new trainer: the next <see cref="Fit"/>, on the same data, goes on where the run stopped.</summary>
    /// <remarks>
    /// The trainer must be built as the one that saved: same architecture, balancer and kind of optimizer. The options should
    /// be the same, too, but for how long to train. On the CPU the
    /// resumed run ends bit-identical to one that was never stopped.
    /// </remarks>
    /// <param name="path">The file.</param>
    /// <exception cref="InvalidOperationException">This trainer has already trained.</exception>
    /// <exception cref="InvalidDataException">The file is damaged, of another kind, too new, or for another model; the message names what differs. Nothing is changed.</exception>
    public void LoadCheckpoint(string path)
    {
        if (run is not null)
        {
            throw new InvalidOperationException("A checkpoint should be loaded into a new trainer. This one has already trained.");
        }

        var loaded = Checkpoint.Load(path, Model, Balancer, Optimizer);
        Discard();
        resumed = loaded;
    }

    /// <summary>Disposes the optimizer.</summary>
    public void Dispose()
    {
        Discard();
        run?.Dispose();
        Optimizer.Dispose();
    }

    [MemberNotNull(nameof(run))]
    private void Begin(ScheduleReplay? schedule)
    {
        var next = resumed is null ? new() : Resume(resumed, schedule);
        run?.Dispose();
        run = next;
    }

    private TrainingRun Resume(Checkpoint checkpoint, ScheduleReplay? schedule)
    {
        schedule?.Replay(checkpoint.Document.Schedule!);
        checkpoint.OptimizerState.Restore(Optimizer);
        RandomState.Restore(checkpoint.RandomBytes, checkpoint.Path);
        checkpoint.Dispose();
        resumed = null;
        return checkpoint.Run;
    }

    private void Discard()
    {
        resumed?.Dispose();
        resumed?.Run.Dispose();
        resumed = null;
    }
}
