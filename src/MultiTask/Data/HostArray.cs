using System.Globalization;
using static TorchSharp.torch;

namespace MultiTask.Data;

/// <summary>.NET arrays as tensors: copied, in the dtypes that networks take.</summary>
internal static class HostArray
{
    /// <summary>The dtype of numbers from .NET: PyTorch's default, float32 unless changed.</summary>
    public static ScalarType Number => get_default_dtype();

    public static Tensor ToTensor(Array array, string what)
    {
        ArgumentNullException.ThrowIfNull(array);
        var values = WithoutNulls(Rectangular(array, what));
        var dtype = Type.GetTypeCode(values.GetType().GetElementType()) switch
        {
            TypeCode.Single or TypeCode.Double => Number,
            TypeCode.Int64 or TypeCode.Int32 or TypeCode.Int16 or TypeCode.SByte or TypeCode.Byte => ScalarType.Int64,
            TypeCode.Boolean => ScalarType.Bool,
            _ => throw new ArgumentException(
                $"{what}: array elements should be float, double, an integer, bool, or nullable ones of these. Found {array.GetType()}."),
        };
        using var shared = from_array(values);
        return shared.to(dtype, copy: true);
    }

    private static Array WithoutNulls(Array array) => array switch
    {
        float?[] values => Array.ConvertAll(values, v => v ?? float.NaN),
        double?[] values => Array.ConvertAll(values, v => v ?? double.NaN),
        bool?[] values => Array.ConvertAll(values, v => v is { } b ? (b ? 1f : 0f) : float.NaN),
        int?[] values => Array.ConvertAll(values, v => v ?? MissingLabels.Class),
        long?[] values => Array.ConvertAll(values, v => v ?? MissingLabels.Class),
        float?[,] values => Flat(values, v => v ?? float.NaN),
        double?[,] values => Flat(values, v => v ?? double.NaN),
        int?[,] values => Flat(values, v => v ?? MissingLabels.Class),
        long?[,] values => Flat(values, v => v ?? MissingLabels.Class),
        _ => array,
    };

    private static Array Rectangular(Array array, string what)
    {
        if (array.GetType().GetElementType()!.GetElementType() is not { } element || array is not Array[] rows)
        {
            return array;
        }

        var width = rows.Length == 0 ? 0 : rows[0]?.Length ?? 0;
        var result = Array.CreateInstance(element, rows.Length, width);
        for (var i = 0; i < rows.Length; i++)
        {
            if (rows[i] is not { Rank: 1 } row || row.Length != width)
            {
                throw new ArgumentException(
                    $"{what}: rows should have equal lengths, {width} as row 0 has. Found {rows[i]?.Length.ToString(CultureInfo.InvariantCulture) ?? "null"} in row {i}.");
            }

            for (var j = 0; j < width; j++)
            {
                result.SetValue(row.GetValue(j), i, j);
            }
        }

        return result;
    }

    private static TResult[,] Flat<T, TResult>(T[,] values, Func<T, TResult> convert)
    {
        var result = new TResult[values.GetLength(0), values.GetLength(1)];
        for (var i = 0; i < values.GetLength(0); i++)
        {
            for (var j = 0; j < values.GetLength(1); j++)
            {
                result[i, j] = convert(values[i, j]);
            }
        }

        return result;
    }
}
