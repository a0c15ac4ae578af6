namespace MultiTask.Data;

/// <summary>The labels of one task of a source, and the batches that have any.</summary>
internal sealed class OneTask(BatchSource source, string task) : BatchSource
{
    public override IReadOnlyList<string> Tasks => [task];

    public override int? BatchesPerEpoch => null;

    public override string Fingerprint => $"task '{task}' of {source.Fingerprint}";

    public override IEnumerable<MultiTaskBatch> Epoch(int epoch)
    {
        foreach (var batch in source.Epoch(epoch))
        {
            BatchPart[] parts = [.. batch.Parts.Where(HasLabels).Select(Restrict)];
            if (parts.Length > 0)
            {
                yield return new(parts);
            }
        }
    }

    private bool HasLabels(BatchPart part) => part.Targets.TryGetValue(task, out var target) && MissingLabels.Count(target) > 0;

    /// <summary>The samples that have a label.</summary>
    private BatchPart Restrict(BatchPart part)
    {
        var present = MissingLabels.Present(part.Targets[task]).reshape(part.Inputs.Samples, -1).any(1);
        return new(
            part.Inputs.Map(t => t[present]),
            [(task, part.Targets[task][present])],
            part.Weights.TryGetValue(task, out var weights) ? [(task, weights[present])] : []);
    }
}
