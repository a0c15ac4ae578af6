using TorchSharp;
using static TorchSharp.torch;

namespace MultiTask.Tasks;

/// <summary>The labels of a batch that are present, in one row, and the outputs that answer them.</summary>
/// <remarks>
/// What losses and metrics work on. Where nothing is missing, nothing is copied. Where something is, outputs are selected,
/// not multiplied by 0, so that the gradient of an output without a label is exactly 0, whatever the output holds.
/// </remarks>
public sealed class PresentLabels
{
    private readonly long[] shape;
    private readonly Tensor? rows;

    private PresentLabels(Tensor output, Tensor target, long[] shape, long count, Tensor? rows)
    {
        Output = output;
        Target = target;
        Count = count;
        this.shape = shape;
        this.rows = rows;
    }

    /// <summary>The outputs, <c>[k]</c> or <c>[k, …]</c>.</summary>
    public Tensor Output { get; }

    /// <summary>The labels, <c>[k]</c> (<c>[k, …]</c> where several numbers are one label).</summary>
    public Tensor Target { get; }

    /// <summary>How many labels are present: <c>k</c>.</summary>
    public long Count { get; }

    /// <summary>One value for each label that is present, <c>[k]</c>.</summary>
    /// <param name="values">Values for all labels of the batch, present or not; broadcast to their shape.</param>
    public Tensor Spread(Tensor values) => Select(values.expand(shape).reshape(-1), rows);

    /// <summary>The labels for which a mask is true.</summary>
    /// <param name="output">Outputs, whose shape begins with the mask's.</param>
    /// <param name="target">Labels, whose shape is the mask's or begins with it.</param>
    /// <param name="present">Booleans, or <c>null</c> where all are true.</param>
    internal static PresentLabels Of(Tensor output, Tensor target, Tensor? present)
    {
        var shape = (present ?? target).shape;
        var rows = present is null || present.all().ToBoolean() ? null : present.flatten().nonzero().squeeze(1);
        var count = rows is null ? (present ?? target).numel() : rows.shape[0];
        var last = shape.Length - 1;
        return new(Select(Flat(output, last), rows), Select(Flat(target, last), rows), shape, count, rows);
    }

    /// <summary>Each label's sample's weight, <c>[k]</c>.</summary>
    /// <param name="weights">A weight for each sample, <c>[n]</c>.</param>
    /// <param name="dtype">The type that the weights should have.</param>
    internal Tensor OfSamples(Tensor weights, ScalarType dtype)
    {
        var column = new long[shape.Length];
        Array.Fill(column, 1);
        column[0] = shape[0];
        return Spread(weights.to_type(dtype).reshape(column));
    }

    private static Tensor Flat(Tensor values, int last) => last == 0 ? values : values.flatten(0, last);

    private static Tensor Select(Tensor values, Tensor? rows) => rows is null ? values : values.index_select(0, rows);
}
