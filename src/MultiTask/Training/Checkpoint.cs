using static TorchSharp.torch;

namespace MultiTask.Training;

/// <summary>A trainer's state in a file: everything that a run needs to go on as if it had not stopped.</summary>
internal sealed class Checkpoint : IDisposable
{
    private const string Model = "model.safetensors";
    private const string BalancerState = "balancer.safetensors";
    private const string Optimizer = "optimizer.safetensors";
    private const string Best = "best.safetensors";
    private const string Random = "random.bin";
    private const string Progress = "run.json";

    private Checkpoint(string path, RunDocument run, TrainingRun state, OptimizerState optimizer, byte[] random) =>
        (Path, Document, Run, OptimizerState, RandomBytes) = (path, run, state, optimizer, random);

    /// <summary>The file.</summary>
    public string Path { get; }

    /// <summary>What the file says of the run.</summary>
    public RunDocument Document { get; }

    /// <summary>The run, to go on with; the receiver disposes it.</summary>
    public TrainingRun Run { get; }

    /// <summary>The optimizer's state, to be restored once the schedule is in place.</summary>
    public OptimizerState OptimizerState { get; }

    /// <summary>The state of torch's random numbers.</summary>
    public byte[] RandomBytes { get; }

    public static void Save(string path, nn.Module model, Balancer balancer, optim.Optimizer optimizer, RunDocument document, TrainingRun run) =>
        CheckpointWriter.Write(path, writer =>
        {
            writer.Json(Progress, document);
            writer.Tensors(Model, model.state_dict());
            writer.Tensors(BalancerState, balancer.state_dict());
            writer.Stream(Optimizer, stream => OptimizerState.Save(optimizer, stream));
            writer.Tensors(Best, run.Best);
            writer.Bytes(Random, RandomState.Capture());
        });

    /// <summary>Reads a file, compares all of it with what it is for, and only then restores model and balancer.</summary>
    public static Checkpoint Load(string path, MultiTaskModel model, Balancer balancer, optim.Optimizer optimizer)
    {
        using var scope = NewDisposeScope();
        using var file = CheckpointReader.Open(path);
        var source = $"'{path}'";
        var document = file.Json<RunDocument>(Progress);
        var modelState = file.Tensors(Model);
        var balancerState = file.Tensors(BalancerState);
        var best = file.Tensors(Best);
        var random = file.Bytes(Random);
        var optimizerState = file.Read(Optimizer, OptimizerState.Read);
        try
        {
            ModuleState.Check(model, modelState, source);
            ModuleState.Check(balancer, balancerState, source);
            if (best.Count > 0)
            {
                ModuleState.Check(model, best, $"{source}, '{Best}'");
            }

            optimizerState.Check(optimizer);
            RandomState.Check(random, source);
            ExpectSetup(path, document.Setup, TrainingSetup.Of(model, balancer));
        }
        catch
        {
            optimizerState.Dispose();
            throw;
        }

        ModuleState.Restore(model, modelState, source);
        ModuleState.Restore(balancer, balancerState, source);
        return new(path, document, TrainingRun.From(document, best), optimizerState, random);
    }

    /// <summary>Refuses to go on with other data, or with a schedule where there was none, or the reverse.</summary>
    public void ExpectSame(string train, string? validation, bool hasSchedule)
    {
        if (Document.Train != train || Document.Validation != validation)
        {
            throw new InvalidDataException(
                $"'{Path}' belongs to a run on other data. Expected training data '{Document.Train}' and validation data '{Document.Validation ?? "none"}'. " +
                $"Found '{train}' and '{validation ?? "none"}'.");
        }

        if (hasSchedule != (Document.Schedule is not null))
        {
            throw new InvalidDataException(
                $"'{Path}' belongs to a run with {(Document.Schedule is { } own ? $"the learning-rate schedule {own.Scheduler}" : "no learning-rate schedule")}. Found {(hasSchedule ? "one" : "none")} in the options.");
        }
    }

    private static void ExpectSetup(string path, string saved, string setup)
    {
        if (saved != setup)
        {
            throw new InvalidDataException($"'{path}' belongs to a run of another model or method. Expected {setup}. Found {saved}. Nothing is changed.");
        }
    }

    public void Dispose() => OptimizerState.Dispose();
}
