using FluentAssertions;
using MultiTask.Numerics;
using MultiTask.Tests.Fixtures;
using TorchSharp;
using static TorchSharp.torch;

namespace MultiTask.Tests.Numerics;

/// <summary>Whatever is done with rows in pieces is what is done with one matrix.</summary>
public sealed class PiecewiseRowsTests : IDisposable
{
    private readonly DisposeScope scope = NewDisposeScope();
    private readonly Generator generator = new(11);

    public static TheoryData<string, int> Cases
    {
        get
        {
            var cases = new TheoryData<string, int>();
            foreach (var kind in (string[])["float32", "float64", "bfloat16", "mixed", "transposed"])
            {
                foreach (var rows in (int[])[1, 2, 3, 5, 8])
                {
                    cases.Add(kind, rows);
                }
            }

            return cases;
        }
    }

    public void Dispose()
    {
        scope.Dispose();
        generator.Dispose();
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void The_matrix_has_the_pieces_side_by_side_and_they_are_disposed(string kind, int count)
    {
        var (pieces, like) = Draw(kind, count);
        var expected = Expected(pieces, like);
        Tensor[] all = [.. pieces.SelectMany(row => row).OfType<Tensor>()];
        var rows = new PiecewiseRows(pieces, like);
        rows.Length.Should().Be(expected.shape[1]);
        rows.ToMatrix().to(ScalarType.Float64).Values().Should().Equal(expected.Values());
        all.Should().OnlyContain(piece => piece.IsInvalid);
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void Inner_products_are_those_of_the_matrix(string kind, int count)
    {
        var (pieces, like) = Draw(kind, count);
        var expected = Expected(pieces, like);
        var rows = new PiecewiseRows(pieces, like);
        foreach (var found in new[] { RowProducts.OfItself(rows), RowProducts.OnDevice(rows, rows) })
        {
            found.Cast<double>().Should().Equal(expected.matmul(expected.t()).Values(), (x, y) => Math.Abs(x - y) <= 1e-9 * (1 + Math.Abs(y)));
        }
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void The_weighted_sum_is_that_of_the_matrix(string kind, int count)
    {
        var (pieces, like) = Draw(kind, count);
        var expected = Expected(pieces, like);
        double[] weights = [.. Enumerable.Range(0, count).Select(i => (i % 3) - 0.7)];
        var jacobian = new Jacobian(new PiecewiseRows(pieces, like), TaskMap.Create(weights.Select((w, i) => ($"{i}", w))));
        var tolerance = kind switch { "float64" => 1e-12, "bfloat16" => 0.2, _ => 1e-5 };
        jacobian.Combine(weights).to(ScalarType.Float64).Values()
            .Should().Equal(tensor(weights).matmul(expected).Values(), (x, y) => Math.Abs(x - y) <= tolerance);
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void Segments_are_all_columns_in_order_and_as_wide_as_may_be(string kind, int count)
    {
        var (pieces, like) = Draw(kind, count);
        var expected = Expected(pieces, like);
        var rows = new PiecewiseRows(pieces, like);
        foreach (var columns in (long[])[1, 7, 35, 100, 10_000])
        {
            var slices = rows.Segments((columns * count) + count - 1).Select(rows.Slice).ToArray();
            cat(slices, 1).to(ScalarType.Float64).Values().Should().Equal(expected.Values());
            slices[..^1].All(slice => slice.shape[1] == columns).Should().BeTrue();
        }
    }

    /// <summary>A row without another to be added with was once added with 0 × itself.</summary>
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(3)]
    public void An_infinite_entry_makes_an_infinite_sum(int count)
    {
        var (pieces, like) = Draw("float32", count);
        pieces[0][0] = full_like(like[0], float.PositiveInfinity);
        var sum = RowSum.Of(new PiecewiseRows(pieces, like), [.. Enumerable.Repeat(1.0, count)]);
        sum[..35].Values().Should().OnlyContain(v => double.IsPositiveInfinity(v));
    }

    [Theory]
    [InlineData("float32", true)]
    [InlineData("float64", true)]
    [InlineData("bfloat16", false)]
    [InlineData("mixed", false)]
    [InlineData("transposed", false)]
    public void Only_pieces_of_one_type_that_lie_in_a_row_are_summed_in_place(string kind, bool inPlace)
    {
        var (pieces, like) = Draw(kind, 3);
        RowSum.IsInPlace(new PiecewiseRows(pieces, like)).Should().Be(inPlace);
    }

    /// <summary>Rows of pieces, of which some are null, and one is empty.</summary>
    private (Tensor?[][] Pieces, Tensor[] Like) Draw(string kind, int count)
    {
        long[][] shapes = [[7, 5], [3], [0], [61, 67], [1]];
        Tensor[] like = [.. shapes.Select((shape, k) => zeros(shape, TypeOf(kind, k)))];
        Tensor?[][] pieces = [.. Enumerable.Range(0, count).Select(i => like.Select((tensor, k) => (i + k) % 4 == 3 ? null : Piece(kind, tensor)).ToArray())];
        return (pieces, like);
    }

    private Tensor Piece(string kind, Tensor like)
    {
        var shape = like.shape;
        var values = randn(kind == "transposed" ? [.. shape.Reverse()] : shape, ScalarType.Float64, generator: generator).to(like.dtype);
        return kind == "transposed" && shape.Length == 2 ? values.t() : values;
    }

    private static ScalarType TypeOf(string kind, int k) => kind switch
    {
        "float64" => ScalarType.Float64,
        "bfloat16" => ScalarType.BFloat16,
        "mixed" => k % 2 == 0 ? ScalarType.Float32 : ScalarType.Float64,
        _ => ScalarType.Float32,
    };

    private static Tensor Expected(Tensor?[][] pieces, Tensor[] like) => stack(pieces.Select(row =>
        cat([.. row.Select((piece, k) => (piece ?? zeros_like(like[k])).to(ScalarType.Float64).reshape(-1))])));
}
