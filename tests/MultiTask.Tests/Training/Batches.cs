namespace MultiTask.Tests.Training;

/// <summary>A source of functions: what a step reads is made anew whenever it is read.</summary>
internal sealed class Batches(string[] tasks, Func<int, IEnumerable<Func<MultiTaskBatch>>> epoch) : BatchSource
{
    public override IReadOnlyList<string> Tasks => tasks;

    public override int? BatchesPerEpoch => null;

    public override string Fingerprint => "functions";

    public override IEnumerable<MultiTaskBatch> Epoch(int epoch1) => epoch(epoch1).Select(make => make());
}
