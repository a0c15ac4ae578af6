using static TorchSharp.torch;

namespace MultiTask.Training;

/// <summary>Finds before the first step what would fail in it: names, shapes, dtypes, and where gradients can be balanced.</summary>
internal static class FirstBatch
{
    public static void Check(MultiTaskModel model, BatchSource data, string what, BalanceAt balanceAt)
    {
        TaskNames.ExpectKnown(data.Tasks, model.Tasks.Tasks, "The model");
        using var mode = new ModeScope(model, training: false);
        using var off = no_grad();
        using var scope = NewDisposeScope();
        using var batches = data.Epoch(0).GetEnumerator();
        if (!batches.MoveNext())
        {
            throw new ArgumentException($"The {what} data should have at least one batch. Found none.");
        }

        foreach (var part in batches.Current.Parts)
        {
            TaskNames.ExpectKnown(part.Targets.Tasks, model.Tasks.Tasks, "The model");
            var outputs = model.Outputs(part.Inputs, part.Targets.Tasks);
            foreach (var (task, output) in outputs)
            {
                model.Tasks[task].Check(output, part.Targets[task]);
            }
        }

        if (balanceAt == BalanceAt.Representation)
        {
            CheckRepresentation(model, batches.Current);
        }
    }

    private static void CheckRepresentation(MultiTaskModel model, MultiTaskBatch batch)
    {
        if (batch.Parts.Count > 1 || model.Tasks.Values.Any(t => t.Adapter is not null))
        {
            throw new ArgumentException(
                "Balancing at the representation needs all tasks to read the same inputs. Found batches of several parts, or tasks with adapters; balance at the shared parameters.");
        }

        model.Trunk.call(batch.Parts[0].Inputs).Cut().SharedCut();
    }
}
