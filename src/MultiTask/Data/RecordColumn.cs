using System.Globalization;
using static TorchSharp.torch;

namespace MultiTask.Data;

/// <summary>What one function picks out of all records.</summary>
internal interface IRecordColumn<in T>
{
    void Clear();

    void Add(T record, int row);

    Tensor ToTensor();
}

/// <summary>A value, or equally many values, of each record: a tensor <c>[n]</c> or <c>[n, k]</c>.</summary>
internal sealed class RecordColumn<T, TValue> : IRecordColumn<T>
{
    private readonly string name;
    private readonly Func<T, TValue>? scalar;
    private readonly Func<T, TValue[]>? vector;
    private readonly Func<TValue[], long[], Tensor> make;
    private readonly List<TValue> values = [];
    private int? width;

    public RecordColumn(string name, Func<T, TValue> selector, Func<TValue[], long[], Tensor> make) =>
        (this.name, scalar, this.make) = (name, selector, make);

    public RecordColumn(string name, Func<T, TValue[]> selector, Func<TValue[], long[], Tensor> make) =>
        (this.name, vector, this.make) = (name, selector, make);

    public void Clear()
    {
        values.Clear();
        width = null;
    }

    public void Add(T record, int row)
    {
        if (scalar is not null)
        {
            values.Add(scalar(record));
            return;
        }

        var found = vector!(record);
        width ??= found?.Length;
        if (found is null || found.Length != width || width == 0)
        {
            throw new ArgumentException(
                $"{name}: there should be {(width > 0 ? $"{width} values, as in record 0" : "at least one value")}. " +
                $"Found {found?.Length.ToString(CultureInfo.InvariantCulture) ?? "null"} in record {row}.");
        }

        values.AddRange(found);
    }

    public Tensor ToTensor()
    {
        TValue[] array = [.. values];
        return make(array, scalar is not null ? [array.Length] : [array.Length / width!.Value, width.Value]);
    }
}
