using FluentAssertions;
using MultiTask.Numerics;
using static TorchSharp.torch;

namespace MultiTask.Tests.Numerics;

public sealed class RowProductsTests
{
    [Fact]
    public void Are_the_products_of_the_rows_of_one_matrix_with_those_of_the_other()
    {
        using var scope = NewDisposeScope();
        var products = RowProducts.Of(tensor(new double[,] { { 1, 2, 3 }, { 0, -1, 4 } }), tensor(new double[,] { { 1, 0, 1 }, { 2, 5, 0 } }));
        products.Cast<double>().Should().Equal(4, 12, 4, -5);
    }

    [Fact]
    public void Count_every_column_of_long_rows_once()
    {
        using var scope = NewDisposeScope();
        const long Long = (1 << 18) + 5;
        var products = RowProducts.Of(ones(2, Long), ones(2, Long) * 2);
        products.Cast<double>().Should().OnlyContain(p => p == 2.0 * Long);
    }

    [Fact]
    public void Do_not_leave_the_range_of_float32()
    {
        using var scope = NewDisposeScope();
        var tiny = full([1, 4], 1e-30f);
        RowProducts.Of(tiny, tiny)[0, 0].Should().BeApproximately(4e-60, 1e-66);
    }

    /// <summary>A slice of a width that no vector divides once took in the beginning of the next row.</summary>
    [Theory]
    [InlineData(ScalarType.Float32, false)]
    [InlineData(ScalarType.Float32, true)]
    [InlineData(ScalarType.Float64, false)]
    [InlineData(ScalarType.Float64, true)]
    [InlineData(ScalarType.BFloat16, false)]
    public void Are_those_of_any_number_of_rows_and_columns_in_any_layout(ScalarType dtype, bool isView)
    {
        using var scope = NewDisposeScope();
        using var generator = new Generator(5);
        foreach (var rows in new[] { 1, 2, 3, 4, 7, 40 }) // the last with more threads than one
        {
            foreach (var columns in new[] { 1, 3, 4, 9, 751, 752, 753, 1015, 1016, 1017, 4085, 44001 })
            {
                using var inner = NewDisposeScope();
                var (a, b) = (Draw(rows, columns), Draw(rows, columns));
                foreach (var threads in new[] { 1, 3 })
                {
                    Same(RowProducts.Of(a, b, threads), a, b);
                    Same(RowProducts.Of(a, a, threads), a, a);
                }
            }
        }

        Tensor Draw(long rows, long columns)
        {
            var whole = randn([rows, columns + 6], ScalarType.Float64, generator: generator).to(dtype);
            return isView ? whole.narrow(1, 2, columns) : whole.narrow(1, 0, columns).contiguous();
        }
    }

    private static void Same(double[,] found, Tensor a, Tensor b)
    {
        var expected = a.to(ScalarType.Float64).matmul(b.to(ScalarType.Float64).t()).contiguous().data<double>().ToArray();
        found.Cast<double>().Should().Equal(expected, (x, y) => Math.Abs(x - y) <= 1e-10 * (1 + a.shape[1]), $"{a.dtype} {a.shape[0]} × {a.shape[1]}");
    }
}
