using MultiTask.Data;
using static TorchSharp.torch;

namespace MultiTask.Tests.Data;

/// <summary>Small data sets whose values tell the row that they come from.</summary>
internal static class Samples
{
    /// <summary>Row i has the input (first + i) and the label (first + i).</summary>
    public static MultiTaskDataset Numbered(int count, string task = "a", int first = 0)
    {
        var rows = Enumerable.Range(first, count).Select(i => (float)i).ToArray();
        return MultiTaskDataset.FromArrays(rows.Select(r => new[] { r }).ToArray(), [(task, rows)]);
    }

    /// <summary>The rows of each batch of an epoch.</summary>
    public static List<int[]> Rows(BatchSource source, int epoch, int skip = 0) =>
        Leaks.Steps(source.Epoch(epoch, skip), batch => batch.Parts.SelectMany(p => Ints(p.Inputs.Single)).ToArray());

    /// <summary>The tasks of each step of an epoch.</summary>
    public static List<string> Turns(BatchSource source, int epoch, int skip = 0) =>
        Leaks.Steps(source.Epoch(epoch, skip), batch => batch.Parts.Single().Targets.Tasks.Single());

    public static int[] Ints(Tensor values)
    {
        using var scope = NewDisposeScope();
        return values.to(ScalarType.Int32).cpu().data<int>().ToArray();
    }

    public static double[] Doubles(Tensor values)
    {
        using var scope = NewDisposeScope();
        return values.to(ScalarType.Float64).cpu().data<double>().ToArray();
    }
}
