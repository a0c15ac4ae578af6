using System.Runtime.InteropServices;
using MultiTask.Data;
using MultiTask.Diagnostics;
using static TorchSharp.torch;

namespace MultiTask.Training;

/// <summary>Finds before the first step what would fail in it: names, shapes, dtypes, and where gradients can be balanced.</summary>
internal static class FirstBatch
{
    /// <summary>Checks the first batch of the data; of data from several sources, the first of each.</summary>
    public static void Check(MultiTaskModel model, BatchSource data, string what, BalanceAt balanceAt)
    {
        TaskNames.ExpectKnown(data.Tasks, model.Tasks.Tasks, "The model");
        foreach (var source in (data as CombinedSource)?.Sources ?? [])
        {
            Check(model, source, what, BalanceAt.SharedParameters);
        }

        using var mode = new ModeScope(model, training: false);
        using var off = no_grad();
        using var scope = NewDisposeScope();
        using var batches = data.Epoch(0).GetEnumerator();
        if (!batches.MoveNext())
        {
            throw new ArgumentException($"The {what} data should have at least one batch. Found none.");
        }

        var batch = batches.Current;
        foreach (var part in batch.Parts)
        {
            TaskNames.ExpectKnown(part.Targets.Tasks, model.Tasks.Tasks, "The model");
            foreach (var (task, output) in Outputs(model, part, what))
            {
                model.Tasks[task].Check(output, part.Targets[task]);
            }
        }

        if (balanceAt == BalanceAt.Representation)
        {
            CheckRepresentation(model, batch);
        }
    }

    /// <summary>The outputs; where the native library refuses, the task that it refuses is named.</summary>
    private static TaskMap<Tensor> Outputs(MultiTaskModel model, BatchPart part, string what)
    {
        try
        {
            return model.Outputs(part.Inputs, part.Targets.Tasks);
        }
        catch (Exception e) when (e is ExternalException or InvalidOperationException)
        {
            foreach (var task in part.Targets.Tasks)
            {
                Expect(model, part, what, task);
            }

            throw;
        }
    }

    private static void Expect(MultiTaskModel model, BatchPart part, string what, string task)
    {
        try
        {
            model.Outputs(part.Inputs, [task]);
        }
        catch (Exception refusal) when (refusal is ExternalException or InvalidOperationException)
        {
            var found = string.Join(" and ", part.Inputs.Select(t => $"{t.dtype} {Shape.Of(t)} on {t.device}"));
            throw new ArgumentException(
                $"Task '{task}': the model should be able to read the inputs of the {what} data. Found {found}, which it cannot: {refusal.Message.Split('\n')[0]}", refusal);
        }
    }

    /// <summary>One representation for all tasks takes one part.</summary>
    public static void ExpectOnePart(MultiTaskBatch batch)
    {
        if (batch.Parts.Count > 1)
        {
            throw new ArgumentException("Balancing at the representation needs all tasks to read the same inputs. Found batches of several parts; balance at the shared parameters.");
        }
    }

    private static void CheckRepresentation(MultiTaskModel model, MultiTaskBatch batch)
    {
        ExpectOnePart(batch);
        if (model.Tasks.Values.Any(t => t.Adapter is not null))
        {
            throw new ArgumentException("Balancing at the representation needs all tasks to read the same inputs. Found tasks with adapters; balance at the shared parameters.");
        }

        var part = batch.Parts[0];
        model.Trunk.call(part.Inputs).Cut().CutFor(part.Targets.Tasks);
    }
}
