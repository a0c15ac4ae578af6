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
}
