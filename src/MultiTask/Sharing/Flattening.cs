using static TorchSharp.torch;

namespace MultiTask.Sharing;

/// <summary>A way to read a stacked layer <c>[T, D₁, …]</c> as a matrix: some of its dimensions as rows, the others as columns.</summary>
/// <remarks>Dimension 0 is that of the tasks. What is in which order within rows and columns does not matter to a norm.</remarks>
internal sealed class Flattening
{
    private readonly long[] order;
    private readonly long[] inverse;
    private readonly int rows;

    private Flattening(IEnumerable<long> rows, int dimensions)
    {
        long[] chosen = [.. rows];
        this.rows = chosen.Length;
        order = [.. chosen, .. Enumerable.Range(0, dimensions).Select(d => (long)d).Except(chosen)];
        inverse = [.. Enumerable.Range(0, dimensions).Select(d => (long)Array.IndexOf(order, d))];
    }

    /// <summary>Which dimensions are rows, and which columns: <c>tasks,0|1</c>; numbers are dimensions of the parameter.</summary>
    public string Name => $"{Names(order[..rows])}|{Names(order[rows..])}";

    /// <summary>Tasks as rows, all else as columns.</summary>
    public static Flattening[] LastAxis(int dimensions) => [new([0], dimensions)];

    /// <summary>Each dimension in turn as rows.</summary>
    public static Flattening[] Tucker(int dimensions) => [.. Enumerable.Range(0, dimensions).Select(d => new Flattening([d], dimensions))];

    /// <summary>The parameter's dimensions as rows, one, two, … all of them: places first, then inputs, then outputs.</summary>
    public static Flattening[] TensorTrain(int dimensions)
    {
        long[] order = [.. Enumerable.Range(3, Math.Max(0, dimensions - 3)).Select(d => (long)d), .. Enumerable.Range(1, Math.Min(2, dimensions - 1)).Reverse().Select(d => (long)d)];
        return dimensions == 1 ? LastAxis(1) : [.. Enumerable.Range(1, order.Length).Select(n => new Flattening(order[..n], dimensions))];
    }

    /// <summary>All there are, each once (rows and columns exchanged is the same): 2^(dimensions − 1) − 1.</summary>
    public static Flattening[] All(int dimensions) => dimensions == 1
        ? LastAxis(1)
        : [.. Enumerable.Range(0, (1 << (dimensions - 1)) - 1).Select(set => new Flattening(
            [0, .. Enumerable.Range(1, dimensions - 1).Where(d => (set >> (d - 1) & 1) == 1).Select(d => (long)d)],
            dimensions))];

    public Tensor Unfold(Tensor stacked) => stacked.permute(order).reshape(Size(stacked, order[..rows]), Size(stacked, order[rows..]));

    public Tensor Fold(Tensor matrix, Tensor like) => matrix.reshape([.. order.Select(d => like.shape[d])]).permute(inverse);

    private static long Size(Tensor stacked, long[] dimensions) => dimensions.Aggregate(1L, (size, d) => size * stacked.shape[d]);

    private static string Names(IEnumerable<long> dimensions) => string.Join(",", dimensions.Select(d => d == 0 ? "tasks" : $"{d - 1}"));
}
